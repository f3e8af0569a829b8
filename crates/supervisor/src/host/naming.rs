//! Which name a namespace gets, and which container has which namespace.

use super::Shared;
use super::asking::refusal;
use super::directory::{Entry, NoRoom};
use crate::log::valid_name;
use crate::start;
use auditns_control::Refusal;
use auditns_control::interface::{Container, CreateRequest};
use auditns_control::server::Peer;
use auditns_runtimes::labels::{Labels, Wishes};
use std::ffi::OsStr;
use std::thread;
use std::time::{Duration, Instant};

/// How long the last processes of a container, and what they have open, may stay when the same one is started again.
pub(super) const LEFTOVERS: Duration = Duration::from_secs(2);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(10);

/// The namespace of a container, if it has one. Which user has it is attested by the kernel; the rest is what its runtime
/// says.
pub(super) fn container_of(shared: &Shared, peer: Peer, container: &Container) -> Option<Entry> {
    shared.directory.find(|entry| entry.uid == peer.uid && entry.container.as_ref() == Some(container))
}

/// As [`container_of`], once that of an earlier run of the container has had the time to end.
pub(super) fn container_that_stays(shared: &Shared, peer: Peer, container: &Container) -> Option<Entry> {
    let until = Instant::now() + LEFTOVERS;
    loop {
        let known = container_of(shared, peer, container);
        if known.is_none() || Instant::now() >= until {
            return known;
        }
        thread::sleep(LOOK);
    }
}

/// Names in the order in which they are tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names(Vec<String>);

impl Names {
    /// # Errors
    /// [`Refusal::InvalidName`].
    pub(super) fn new(
        peer: Peer,
        request: &CreateRequest,
        labels: &Labels,
        wishes: &Wishes,
        pid: u32,
    ) -> Result<Names, Refusal> {
        let asked_for = request.name.clone().or_else(|| wishes.name.clone());
        let names = match (asked_for, &request.container) {
            (Some(name), _) => vec![name],
            (None, Some(container)) => {
                let name = labels.name();
                let short = Labels { container_id: container.id.clone(), ..Labels::default() }.name();
                // A name that is not the container's alone may be taken.
                let both = format!("{name}.{short}");
                if short == name { vec![name] } else { vec![name, both, short] }
            }
            (None, None) => {
                let program = request.command.first().map_or(OsStr::new(""), OsStr::new);
                vec![start::default_name(program, pid)]
            }
        };
        // Users other than root cannot take each other's names, or root's.
        let own = |name: String| if peer.uid == 0 { name } else { format!("{}:{name}", peer.uid) };
        let names: Vec<String> = names.into_iter().map(own).collect();
        let valid: Vec<String> = names.iter().filter(|name| valid_name(name)).cloned().collect();
        match names.into_iter().next() {
            Some(name) if valid.is_empty() => Err(Refusal::InvalidName { name }),
            _ => Ok(Names(valid)),
        }
    }

    /// The one that is tried first.
    pub(super) fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// Reserves an index and the first name that is free and permitted. `grant` says what a namespace of that name gets.
    ///
    /// # Errors
    /// Those of `grant`, and what is in the way of the last name.
    pub(super) fn reserve<G>(
        &self,
        shared: &Shared,
        peer: Peer,
        container: Option<&Container>,
        grant: impl Fn(&str) -> Result<G, Refusal>,
    ) -> Result<(u32, String, G), Refusal> {
        let until = Instant::now() + LEFTOVERS;
        let mut names = self.0.iter();
        let mut next = names.next();
        while let Some(name) = next {
            let granted = grant(name)?;
            match shared.directory.reserve(name, peer.uid, shared.quota()) {
                Ok(index) => return Ok((index, name.clone(), granted)),
                Err(NoRoom::NameTaken) => {
                    let ends = container.is_some_and(|own| holds(shared, peer, own, name));
                    if ends && Instant::now() < until {
                        thread::sleep(LOOK);
                    } else if names.len() > 0 {
                        next = names.next();
                    } else {
                        return Err(refusal(&NoRoom::NameTaken, name));
                    }
                }
                Err(no_room) => return Err(refusal(&no_room, name)),
            }
        }
        Err(Refusal::InvalidName { name: String::new() })
    }
}

/// What begins the root of a container that LXC runs: each run has a root of its own.
pub(super) const LXC_ROOT: &str = "lxc:";

/// Whether a name is that of an earlier run of the container.
fn holds(shared: &Shared, peer: Peer, container: &Container, name: &str) -> bool {
    let is_run = |other: &Container| {
        let both_lxc = other.root.starts_with(LXC_ROOT) && container.root.starts_with(LXC_ROOT);
        other.id == container.id && (both_lxc || other.root == container.root)
    };
    let found = shared.directory.find(|entry| {
        entry.uid == peer.uid && entry.name == name && entry.container.as_ref().is_some_and(is_run)
    });
    found.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const ROOT: Peer = Peer { uid: 0, gid: 0, pid: 1, login: (0, 0) };
    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn names(peer: Peer, request: &CreateRequest) -> Result<Vec<String>, Refusal> {
        let id = request.container.as_ref().map_or("", |container| &container.id);
        let labels = Labels::new(id, &request.annotations);
        let wishes = Wishes::parse(&request.annotations).unwrap();
        Names::new(peer, request, &labels, &wishes, 7).map(|names| names.0)
    }

    fn container(id: &str, annotations: &[(&str, &str)]) -> CreateRequest {
        CreateRequest {
            container: Some(Container { id: id.to_owned(), root: String::new() }),
            annotations: annotations.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..CreateRequest::default()
        }
    }

    #[test]
    fn what_is_asked_for_comes_first_and_an_unknown_container_has_its_id() {
        assert_eq!(names(ROOT, &container(ID, &[])).unwrap(), ["0123456789ab"]);
        assert_eq!(names(ROOT, &container(ID, &[("io.auditns.name", "web")])).unwrap(), ["web"]);
        let named =
            CreateRequest { name: Some("db".to_owned()), ..container(ID, &[("io.auditns.name", "web")]) };
        assert_eq!(names(ROOT, &named).unwrap(), ["db"]);
        let command = CreateRequest { command: vec!["/bin/sh".to_owned()], ..CreateRequest::default() };
        assert_eq!(names(ROOT, &command).unwrap(), ["sh-7"]);
    }

    #[test]
    fn a_name_that_a_cluster_gives_can_be_taken_and_has_others_after_it() {
        let pod = [
            ("io.kubernetes.cri.sandbox-namespace", "prod"),
            ("io.kubernetes.cri.sandbox-name", "web-1"),
            ("io.kubernetes.cri.container-name", "app"),
        ];
        let found = names(ROOT, &container(ID, &pod)).unwrap();
        assert_eq!(found, ["prod.web-1.app", "prod.web-1.app.0123456789ab", "0123456789ab"]);
    }

    #[test]
    fn users_have_names_of_their_own_and_what_is_too_long_is_left_out() {
        let alice = Peer { uid: 1_000_000_000, gid: 1, ..ROOT };
        assert_eq!(names(alice, &container(ID, &[])).unwrap(), ["1000000000:0123456789ab"]);
        let long = "x".repeat(64);
        let asked = CreateRequest { name: Some(long.clone()), ..container(ID, &[]) };
        assert_eq!(names(alice, &asked), Err(Refusal::InvalidName { name: format!("1000000000:{long}") }));
        let labels = BTreeMap::from([("io.kubernetes.cri.sandbox-name".to_owned(), "y".repeat(63))]);
        let pod = CreateRequest { annotations: labels, ..container(ID, &[]) };
        assert!(names(alice, &pod).unwrap().iter().all(|name| valid_name(name)));
    }
}
