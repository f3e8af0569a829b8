//! Asking namespaces, and saying why something cannot be.

use super::directory::{Entry, NoRoom};
use super::members::Marks;
use super::orders::{Description, Order};
use auditns_control::Refusal;
use auditns_sys::Listener;
use auditns_sys::identity::process::start_time;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// How a namespace is.
pub(super) fn described(entry: &Entry) -> Result<Description, Refusal> {
    entry.orders.give(Order::Describe).map_err(|error| unavailable(&error))
}

/// How the members of a namespace are told.
pub(super) fn marks(description: &Description) -> Marks {
    let Description { info, pid_namespace, first_started, .. } = description;
    // Another process may have its number by now. Whoever serves a namespace of its own does not say when it started.
    let is_there = start_time(info.pid).is_ok_and(|started| *first_started == 0 || started == *first_started);
    Marks { first: if is_there { info.pid } else { 0 }, pid_namespace: *pid_namespace }
}

/// Whoever calls can hand over anything, and some files block whoever closes or reads them.
pub(super) fn checked(fd: OwnedFd) -> Result<Listener, Refusal> {
    if auditns_sys::listener::is_listener(fd.as_fd()) {
        Ok(Listener::from(fd))
    } else {
        // Its last close may take as long as whoever made it likes.
        let _ = std::thread::Builder::new().name("close".to_owned()).spawn(move || {
            auditns_sys::placement::give_up_boost();
            drop(fd);
        });
        Err(Refusal::MissingDescriptor)
    }
}

/// Why a namespace does not answer.
pub(super) fn unavailable(error: &io::Error) -> Refusal {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "the namespace has just ended".to_owned(),
        io::ErrorKind::TimedOut => "the namespace does not answer in time".to_owned(),
        _ => error.to_string(),
    };
    Refusal::Unavailable { why }
}

/// Why a namespace of that name cannot be.
pub(super) fn refusal(no_room: &NoRoom, name: &str) -> Refusal {
    match *no_room {
        NoRoom::NameTaken => Refusal::NameTaken { name: name.to_owned() },
        NoRoom::Namespaces(value) => {
            Refusal::LimitReached { limit: "namespaces".to_owned(), value: value as u64 }
        }
        NoRoom::PerUser(value) => {
            Refusal::LimitReached { limit: "namespaces of a user".to_owned(), value: value as u64 }
        }
    }
}
