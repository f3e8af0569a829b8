//! Taking up what a supervisor before this one served.

use super::Shared;
use super::creation::{EntryOf, start_resident};
use super::resident::{Again, Beginning};
use crate::keeping::{Keeping, Kind, parse};
use crate::log::Folder;
use crate::server::restore::KeptDescriptors;
use crate::state::{State, replay};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

/// How long a process that outlives the supervisor before this one may hold a lock. It waits in the kernel for some
/// milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Found {
    state: Option<OwnedFd>,
    descriptors: KeptDescriptors,
}

/// Goes on with all namespaces of which something was kept.
pub(super) fn take_up(shared: &Arc<Shared>, kept: Vec<(String, OwnedFd)>) {
    let mut namespaces = BTreeMap::<u32, Found>::new();
    for (name, fd) in kept {
        let Some((index, kind)) = parse(&name) else { continue };
        let found = namespaces.entry(index).or_default();
        match kind {
            Kind::State => found.state = Some(fd),
            Kind::PidNamespace => found.descriptors.pid_namespace = Some(fd),
            Kind::Log => found.descriptors.log = Some(fd),
            Kind::InsideLog => found.descriptors.inside_log = Some(fd),
            Kind::Listener(number) => {
                found.descriptors.listeners.insert(number, fd);
            }
            Kind::Endpoint(endpoint) => {
                found.descriptors.endpoints.insert(endpoint, fd);
            }
        }
    }
    for (index, found) in namespaces {
        let keeping = Keeping::new(Arc::clone(&shared.store), index);
        let names: Vec<Kind> = found.kinds().collect();
        if let Err(error) = go_on(shared, index, found) {
            // It never began, and whoever asked for it asks again; or it is none of this version's.
            if error.kind() != io::ErrorKind::NotFound {
                (shared.observer)("supervisor")
                    .observe(&crate::observer::Event::NotTakenUp { error: &error });
            }
            for kind in names {
                keeping.forget(kind);
            }
        }
    }
}

impl Found {
    fn kinds(&self) -> impl Iterator<Item = Kind> + use<> {
        let listeners = self.descriptors.listeners.keys().copied().map(Kind::Listener);
        let endpoints = self.descriptors.endpoints.keys().copied().map(Kind::Endpoint);
        let kinds: Vec<Kind> = listeners
            .chain(endpoints)
            .chain([Kind::Log, Kind::InsideLog, Kind::PidNamespace, Kind::State])
            .collect();
        kinds.into_iter()
    }
}

fn go_on(shared: &Arc<Shared>, index: u32, found: Found) -> io::Result<()> {
    let state = State::open(found.state.ok_or(io::ErrorKind::NotFound)?)?;
    let (journal, kept) = state.left()?;
    let (namespace, replayed) = replay(&kept)?;
    let origin = &replayed.frame.origin;
    let parent = origin.log_folder.parent().unwrap_or(&shared.log_folder).to_owned();
    // A folder that is gone is made again, so that nothing more is lost than what was in it.
    let folder = Folder::open_in_time(&parent, &origin.name, PATIENCE).map_err(io::Error::other)?;
    let entry = EntryOf {
        name: origin.name.clone(),
        contid: namespace.contid(),
        uid: origin.uid,
        first: (origin.pid, origin.pid_started),
    };
    let again = Again { namespace, journal, replayed, message: kept.message, descriptors: found.descriptors };
    start_resident(shared, index, entry, state, Beginning::Again(Box::new(again)), folder)
}
