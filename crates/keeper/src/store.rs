//! The server's side: having descriptors kept.

use crate::channel::{Channel, address};
use crate::inherited::{CAPACITY_VARIABLE, KEEPER_VARIABLE};
use crate::message::{DESCRIPTORS_PER_MESSAGE, is_name};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Longest text of a status, in bytes.
const STATUS_MAX: usize = 1024;

/// Why the keeper does not know something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// `NOTIFY_SOCKET` is of no use.
    #[error(
        "NOTIFY_SOCKET holds {0:?}, which is no absolute path and no abstract name; start the program by its keeper"
    )]
    Address(OsString),
    /// No socket.
    #[error("no socket for messages to the keeper ({0}); check the limit on open files")]
    Socket(#[source] io::Error),
    /// Not a name.
    #[error("{0:?} cannot name a descriptor; use 1 to 255 characters of ASCII without ':'")]
    Name(String),
    /// None, or more descriptors than a message can carry.
    #[error("one message carries 1 to 253 descriptors, not {0}; keep them in several")]
    TooMany(usize),
    /// The keeper did not read.
    #[error("the keeper has read nothing for a second, so {0} was not sent; see whether it is stopped")]
    Stalled(&'static str),
    /// The keeper could not be told.
    #[error("{what} could not be sent to the keeper ({error}); see whether it runs")]
    Send {
        /// What was to be sent.
        what: &'static str,
        /// Why it was not.
        #[source]
        error: io::Error,
    },
    /// The keeper took messages and did not act on them.
    #[error(
        "the keeper has not confirmed that it did what it was told within {0:?}; see whether it is stopped"
    )]
    Unconfirmed(Duration),
}

/// The way to whoever keeps descriptors. Without one nothing is kept, and every message succeeds.
#[derive(Debug)]
pub struct FdStore {
    keeper: Option<Channel>,
}

impl FdStore {
    /// The keeper that `NOTIFY_SOCKET` names.
    ///
    /// # Errors
    /// [`StoreError::Address`] and [`StoreError::Socket`].
    pub fn from_environment() -> Result<FdStore, StoreError> {
        let Some(name) = env::var_os(KEEPER_VARIABLE) else { return Ok(FdStore { keeper: None }) };
        let Some(address) = address(&name) else { return Err(StoreError::Address(name)) };
        let channel = Channel::new(address).map_err(|error| StoreError::Socket(error.into()))?;
        Ok(FdStore { keeper: Some(channel) })
    }

    /// Whether there is a keeper. A service manager may be one that keeps nothing: see [`FdStore::capacity`].
    pub fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    /// How many descriptors the keeper says that it keeps at most: [`crate::keep`] always does, `systemd` since version 254
    /// unless it keeps none.
    pub fn capacity(&self) -> Option<usize> {
        env::var(CAPACITY_VARIABLE).ok()?.parse().ok().filter(|_| self.is_kept())
    }

    /// Has copies of 1 to 253 descriptors kept under a name, which may have some already. They stay kept when the other
    /// end of one is closed, since there may be something in it that nobody has read.
    ///
    /// # Errors
    /// All but [`StoreError::Address`]. It is no error that the keeper has no room: nobody says so.
    pub fn keep(&self, name: &str, fds: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
        check(name)?;
        if !(1..=DESCRIPTORS_PER_MESSAGE).contains(&fds.len()) {
            return Err(StoreError::TooMany(fds.len()));
        }
        self.send("a descriptor", &format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), fds)
    }

    /// Gives up what is kept under a name.
    ///
    /// # Errors
    /// As [`FdStore::keep`].
    pub fn forget(&self, name: &str) -> Result<(), StoreError> {
        check(name)?;
        self.send("a name to forget", &format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
    }

    /// Says that the server serves.
    ///
    /// # Errors
    /// [`StoreError::Stalled`] and [`StoreError::Send`].
    pub fn ready(&self, status: &str) -> Result<(), StoreError> {
        self.send("that the server is ready", &format!("READY=1\nSTATUS={}", one_line(status)), &[])
    }

    /// Says that the server reads its configuration anew; [`FdStore::ready`] follows.
    ///
    /// # Errors
    /// As [`FdStore::ready`].
    pub fn reloading(&self) -> Result<(), StoreError> {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send("that the server reloads", &format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"), &[])
    }

    /// Says that the server is about to end.
    ///
    /// # Errors
    /// As [`FdStore::ready`].
    pub fn stopping(&self) -> Result<(), StoreError> {
        self.send("that the server stops", "STOPPING=1", &[])
    }

    /// Says what the server does, in a line for people. Control characters are escaped, and 1024 bytes are sent at most.
    ///
    /// # Errors
    /// As [`FdStore::ready`].
    pub fn status(&self, text: &str) -> Result<(), StoreError> {
        self.send("a status", &format!("STATUS={}", one_line(text)), &[])
    }

    /// Says that the server is alive, for a service manager with `WatchdogSec=`.
    ///
    /// # Errors
    /// As [`FdStore::ready`].
    pub fn watchdog(&self) -> Result<(), StoreError> {
        self.send("a sign of life", "WATCHDOG=1", &[])
    }

    /// Waits until the keeper has done all that it was told.
    ///
    /// # Errors
    /// [`StoreError::Socket`], [`StoreError::Unconfirmed`], and those of [`FdStore::ready`].
    pub fn confirm(&self, longest: Duration) -> Result<(), StoreError> {
        let Some(keeper) = &self.keeper else { return Ok(()) };
        let (confirmed, sent) = io::pipe().map_err(StoreError::Socket)?;
        say(keeper, "a question", "BARRIER=1", &[sent.as_fd()])?;
        drop(sent);
        let unconfirmed = || StoreError::Unconfirmed(longest);
        let timeout = Timespec::try_from(longest).map_err(|_| unconfirmed())?;
        loop {
            match poll(&mut [PollFd::new(&confirmed, PollFlags::empty())], Some(&timeout)) {
                Ok(1..) => return Ok(()),
                Err(Errno::INTR) => {}
                _ => return Err(unconfirmed()),
            }
        }
    }

    fn send(&self, what: &'static str, text: &str, fds: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
        self.keeper.as_ref().map_or(Ok(()), |keeper| say(keeper, what, text, fds))
    }
}

fn say(keeper: &Channel, what: &'static str, text: &str, fds: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
    keeper.send(text, fds).map_err(|errno| match errno {
        Errno::AGAIN => StoreError::Stalled(what),
        other => StoreError::Send { what, error: other.into() },
    })
}

fn check(name: &str) -> Result<(), StoreError> {
    if is_name(name) { Ok(()) } else { Err(StoreError::Name(name.to_owned())) }
}

/// Text of a user must not become a line of its own.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        let length = line.len();
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        if line.len() > STATUS_MAX {
            line.truncate(length);
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_of_bounded_length() {
        assert_eq!(one_line("a\nFDSTORE=1\u{1b}\u{e4}"), "a\\nFDSTORE=1\\u{1b}\u{e4}");
        assert_eq!(one_line(&"\u{e4}".repeat(600)).len(), STATUS_MAX);
        assert_eq!(one_line(&("x".to_owned() + &"\n".repeat(600))).len(), STATUS_MAX - 1);
    }

    #[test]
    fn without_a_keeper_nothing_is_kept_and_nothing_fails() {
        let store = FdStore { keeper: None };
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!store.is_kept());
        assert_eq!(store.capacity(), None);
        store.keep("a", &[file.as_fd()]).unwrap();
        store.confirm(Duration::ZERO).unwrap();
        assert!(matches!(store.keep("a:b", &[file.as_fd()]), Err(StoreError::Name(name)) if name == "a:b"));
        assert!(matches!(store.forget("\n"), Err(StoreError::Name(_))));
        assert!(matches!(store.keep("a", &[]), Err(StoreError::TooMany(0))));
        assert!(matches!(store.keep("a", &[file.as_fd(); 254]), Err(StoreError::TooMany(254))));
        store.keep("a", &[file.as_fd(); 253]).unwrap();
    }
}
