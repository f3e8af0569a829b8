//! Taking up what a supervisor before this one served.

use super::Shared;
use super::creation::{EntryOf, start_resident};
use super::resident::{Again, Beginning};
use crate::keeping::{Keeping, KeptSockets, Kind, parse, parse_socket};
use crate::log::Folder;
use crate::observer::Event;
use crate::server::restore::KeptDescriptors;
use crate::state::{State, replay, snapshot};
use crate::time::now;
use auditns_core::{Action, Input};
use auditns_sys::Listener;
use auditns_sys::listener::is_listener;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// How long a process that outlives the supervisor before this one may hold a lock. It waits in the kernel for some
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// A namespace over which so many supervisors have panicked is given up, so that the others are served.
const PANICS_MAX: u64 = 2;

#[derive(Debug, Default)]
struct Found {
    state: Option<OwnedFd>,
    descriptors: KeptDescriptors,
    /// The numbers of those listeners whose calls proxies receive.
    proxied: BTreeSet<u32>,
}

/// Goes on with all namespaces of which something was kept.
pub(super) fn take_up(shared: &Arc<Shared>, kept: Vec<(String, OwnedFd)>) {
    let mut namespaces = BTreeMap::<u32, Found>::new();
    let mut sockets = KeptSockets::new();
    for (name, fd) in kept {
        if let Some(number) = parse_socket(&name) {
            sockets.insert(number, fd);
            continue;
        }
        let Some((index, kind)) = parse(&name) else { continue };
        let found = namespaces.entry(index).or_default();
        match kind {
            Kind::State => found.state = Some(fd),
            Kind::NestedPidNamespace(contid) => {
                found.descriptors.nested_pid_namespaces.insert(contid, fd);
            }
            Kind::PidNamespace => found.descriptors.pid_namespace = Some(fd),
            Kind::Log => found.descriptors.log = Some(fd),
            Kind::InsideLog => found.descriptors.inside_log = Some(fd),
            Kind::Listener(number) => {
                found.descriptors.listeners.insert(number, fd);
            }
            Kind::Container(number) => {
                found.proxied.insert(number);
                found.descriptors.listeners.insert(number, fd);
            }
        }
    }
    for (index, found) in namespaces {
        let keeping = Keeping::new(Arc::clone(&shared.keep), index, 0);
        let names: Vec<Kind> = found.kinds().collect();
        let own = found.descriptors.listeners.iter().filter(|(number, _)| !found.proxied.contains(number));
        let listeners: Vec<OwnedFd> = own.filter_map(|(_, fd)| fd.try_clone().ok()).collect();
        let mut claimed = Vec::new();
        if let Err(problem) = take_up_one(shared, index, found, &mut sockets, &mut claimed) {
            let mut observer = (shared.observer)("supervisor");
            match problem {
                // It never began, and whoever asked for it asks again.
                Problem::Failed(error) if error.kind() == io::ErrorKind::NotFound => {}
                Problem::Failed(error) => observer.observe(&Event::NotTakenUp { error: &error }),
                Problem::Panics(panics) => observer.observe(&Event::GivenUp { panics }),
            }
            for kind in names {
                keeping.forget(kind);
            }
            for number in claimed {
                shared.surroundings.sockets.give_up_at_once(number);
            }
            // Its members go on without audit.
            for fd in listeners {
                if is_listener(fd.as_fd()) {
                    shared.refusing.take(Listener::from(fd), 0);
                }
            }
        }
    }
    // Those that were closed, never handed over, or of a namespace that is given up.
    for number in sockets.into_keys() {
        shared.surroundings.sockets.give_up_at_once(number);
    }
}

impl Found {
    fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        let is_proxied = |number| self.proxied.contains(&number);
        let kind = |number| if is_proxied(number) { Kind::Container(number) } else { Kind::Listener(number) };
        let listeners = self.descriptors.listeners.keys().copied().map(kind);
        let nested = self.descriptors.nested_pid_namespaces.keys().copied().map(Kind::NestedPidNamespace);
        let kinds: Vec<Kind> = listeners
            .chain(nested)
            .chain([Kind::Log, Kind::InsideLog, Kind::PidNamespace, Kind::State])
            .collect();
        kinds.into_iter()
    }
}

/// Why a namespace is not taken up.
#[derive(Debug)]
enum Problem {
    Failed(io::Error),
    /// Supervisors have panicked over it so often.
    Panics(u64),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Problem {
        Problem::Failed(error)
    }
}

fn take_up_one(
    shared: &Arc<Shared>,
    index: u32,
    mut found: Found,
    sockets: &mut KeptSockets,
    claimed: &mut Vec<u64>,
) -> Result<(), Problem> {
    let state = State::open(found.state.take().ok_or(io::Error::from(io::ErrorKind::NotFound))?)?;
    let blame = state.blame();
    match blame.panics() {
        0..PANICS_MAX => {
            Ok(blame.during(|| go_on(shared, index, state, found.descriptors, sockets, claimed))?)
        }
        panics => {
            // What lies there may be what makes supervisors panic.
            if panics == PANICS_MAX {
                blame.during(|| tell_end(shared, &state));
            }
            Err(Problem::Panics(panics))
        }
    }
}

/// Writes the end of a namespace that is given up, and of those inside it, into the host's log. It tells what was counted until the last snapshot.
fn tell_end(shared: &Shared, state: &State) {
    let Ok((mut family, _)) = state.left().and_then(|(_, kept)| snapshot(&kept)) else { return };
    family.handle(family.root().contid(), Input::Ended, now());
    while let Some((_, action)) = family.poll_action() {
        if let Action::Store { line, lifetime: true, .. } = action {
            // Who cannot read it in the log has read the line that the supervisor says.
            let _ = shared.surroundings.host_log.append(&line, false);
        }
    }
}

fn go_on(
    shared: &Arc<Shared>,
    index: u32,
    state: State,
    mut descriptors: KeptDescriptors,
    sockets: &mut KeptSockets,
    claimed: &mut Vec<u64>,
) -> io::Result<()> {
    let (journal, kept) = state.left()?;
    let (family, replayed) = replay(&kept)?;
    for (endpoint, connection) in &replayed.connections {
        if let Some((number, socket)) = connection.kept_as.and_then(|kept_as| kept_as.claim(sockets)) {
            claimed.push(number);
            descriptors.endpoints.insert(*endpoint, socket);
        }
    }
    let origin = &replayed.frame.origin;
    let parent = origin.log_folder.parent().unwrap_or(&shared.log_folder).to_owned();
    // A folder that is gone is made again, so that nothing more is lost than what was in it.
    let folder = Folder::open_in_time(&parent, &origin.name, PATIENCE).map_err(io::Error::other)?;
    let entry = EntryOf {
        name: origin.name.clone(),
        contid: family.root().contid(),
        uid: origin.uid,
        first: (origin.pid, origin.pid_started),
        container: origin.container.clone(),
    };
    let again = Again { family, journal, replayed, message: kept.message, descriptors };
    start_resident(shared, index, entry, state, Beginning::Again(Box::new(again)), folder).map(drop)
}
