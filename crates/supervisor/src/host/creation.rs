//! Making a namespace for whoever asks.

use super::control::refusal;
use super::directory::Entry;
use super::resident::{Beginning, Resident};
use super::{Shared, user_name};
use crate::keeping::Keeping;
use crate::log::{Folder, Rotation, valid_name};
use crate::origin::Origin;
use crate::settings::Settings;
use crate::start::{self, First};
use crate::state::State;
use crate::time::now;
use auditns_control::Refusal;
use auditns_control::interface::{self, CreateReply, CreateRequest};
use auditns_control::server::Peer;
use auditns_core::{Config, Policy};
use auditns_policy::{Mode, Who};
use auditns_sys::Listener;
use auditns_sys::identity::Process;
use auditns_sys::identity::details;
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

/// Longest name of a runtime, in bytes.
const RUNTIME_MAX: usize = 32;

pub(super) fn create(
    shared: &Arc<Shared>,
    peer: Peer,
    request: &CreateRequest,
    listener: Listener,
) -> Result<CreateReply, Refusal> {
    let first = first_member(peer, request.pid)?;
    // A reply may have been lost with a supervisor before this one.
    if let Some(known) = shared.directory.find(|entry| entry.first == first && entry.uid == peer.uid) {
        return described(&known);
    }
    let command: Vec<OsString> = request.command.iter().map(OsString::from).collect();
    let program = command.first().map_or(OsStr::new(""), OsString::as_os_str);
    let name = request.name.clone().unwrap_or_else(|| start::default_name(program, first.0));
    // Users other than root cannot take each other's names, or root's.
    let name = if peer.uid == 0 { name } else { format!("{}:{name}", peer.uid) };
    if !valid_name(&name) {
        return Err(Refusal::InvalidName { name });
    }
    let runtime: String =
        request.runtime.chars().filter(char::is_ascii_alphanumeric).take(RUNTIME_MAX).collect();
    let user = user_name(peer.uid);
    let who = Who { runtime: &runtime, uid: peer.uid, user: user.as_deref(), name: &name };
    let policy = shared.policy();
    let granted = policy.settings_for(&who).map_err(|refused| Refusal::NotPermitted {
        operation: "Create".to_owned(),
        why: refused.to_string(),
    })?;
    let index =
        shared.directory.reserve(&name, peer.uid, shared.quota()).map_err(|room| refusal(&room, &name))?;
    let begun =
        begin(shared, peer, request, &granted, &Wanted { index, first, name, runtime, command }, listener);
    if begun.is_err() {
        shared.directory.release(index);
    }
    begun
}

struct Wanted {
    index: u32,
    first: (u32, u64),
    name: String,
    runtime: String,
    command: Vec<OsString>,
}

fn begin(
    shared: &Arc<Shared>,
    peer: Peer,
    request: &CreateRequest,
    granted: &auditns_policy::Settings,
    wanted: &Wanted,
    listener: Listener,
) -> Result<CreateReply, Refusal> {
    let Wanted { index, first, name, runtime, command } = wanted;
    let unavailable = |why: String| Refusal::Unavailable { why };
    let folder = Folder::open(&shared.log_folder, name).map_err(|error| unavailable(error.to_string()))?;
    let settings = Settings {
        rotation: Rotation { size: granted.log_size, files: granted.log_files },
        inside_log: granted.inside_log,
        sockets: granted.sockets,
        strict_clients: [granted.strict_clients.clone(), request.strict_clients.clone()].concat(),
    };
    // Memory and rules are the host's to grant: a user can ask for less.
    let backlog_limit = match request.backlog_limit {
        Some(limit) if peer.uid == 0 => limit,
        Some(limit) => limit.min(granted.backlog_limit),
        None => granted.backlog_limit,
    };
    let policy = match (request.policy, granted.policy) {
        (Some(interface::Policy::Strict), _) | (None, Mode::Strict) => Policy::Strict,
        (_, Mode::Strict) if peer.uid != 0 => Policy::Strict,
        _ => Policy::Normal,
    };
    let fields = start::fields(&First {
        runtime,
        pid: first.0,
        loginuid: &request.loginuid,
        no_new_privileges: request.no_new_privileges,
        command,
    });
    let config = Config {
        contid: crate::new_contid(),
        name: name.clone().into_bytes(),
        policy,
        backlog_limit,
        queue_bytes: granted.queue_bytes,
        starter: start::starter(peer.pid, peer.uid),
        start_fields: fields,
        rules_max: granted.rules,
        inside_log: granted.inside_log,
        delivery_delay: Config::DELIVERY_DELAY,
    };
    let origin = Origin {
        index: *index,
        name: name.clone(),
        runtime: runtime.clone(),
        uid: peer.uid,
        pid: first.0,
        pid_started: first.1,
        began: now().seconds,
        served_before: 0,
        log_folder: folder.path().to_owned(),
    };
    let contid = config.contid;
    let beginning = Beginning::New {
        config: Box::new(config),
        origin: Box::new(origin),
        settings: Box::new(settings),
        listener,
        wait_killable: request.wait_killable,
        rate_limit: granted.rate_limit,
    };
    let failed = |error: io::Error| unavailable(format!("the namespace cannot be served: {error}"));
    let state = State::create().map_err(failed)?;
    let entry = EntryOf { name: name.clone(), contid, uid: peer.uid, first: *first };
    start_resident(shared, *index, entry, state, beginning, folder).map_err(failed)?;
    let known = shared.directory.find(|entry| entry.contid == contid);
    known.map_or_else(
        || Err(unavailable("the namespace has ended already".to_owned())),
        |known| described(&known),
    )
}

/// What the directory is to know of a namespace.
#[derive(Debug)]
pub(super) struct EntryOf {
    pub(super) name: String,
    pub(super) contid: u64,
    pub(super) uid: u32,
    pub(super) first: (u32, u64),
}

/// Starts the thread of a namespace and enters it into the directory.
///
/// # Errors
/// As [`Resident::start`].
pub(super) fn start_resident(
    shared: &Arc<Shared>,
    index: u32,
    entry: EntryOf,
    state: State,
    beginning: Beginning,
    folder: Folder,
) -> io::Result<()> {
    let (gone, removed) = std::sync::mpsc::channel::<()>();
    let directory = Arc::clone(&shared.directory);
    let resident = Resident {
        beginning,
        state,
        keeping: Keeping::new(Arc::clone(&shared.keep), index, entry.uid),
        surroundings: Arc::clone(&shared.surroundings),
        observer: (shared.observer)(&entry.name),
        ended: Box::new(move || {
            // It is entered before it can be removed, however short it lives.
            let _ = removed.recv();
            directory.remove(index);
            drop(folder);
        }),
    };
    let (orders, _) = resident.start()?;
    let EntryOf { name, contid, uid, first } = entry;
    shared.directory.add(index, Entry { name, contid, uid, first, orders });
    drop(gone);
    Ok(())
}

fn described(entry: &Entry) -> Result<CreateReply, Refusal> {
    let description = super::control::described(entry)?;
    let info = description.info;
    Ok(CreateReply {
        contid: info.contid,
        name: info.name,
        log_folder: info.log_folder,
        backlog_limit: info.backlog_limit,
    })
}

/// The process that will be the first member, and when it started. Nobody can name another user's.
fn first_member(peer: Peer, pid: u32) -> Result<(u32, u64), Refusal> {
    let refused = |why: &str| Refusal::NotPermitted { operation: "Create".to_owned(), why: why.to_owned() };
    let process = Process::open(pid).map_err(|_| refused("the first member is gone"))?;
    let uid = details::brief(pid).map_err(|_| refused("the first member is gone"))?.uid;
    if peer.uid != 0 && uid != peer.uid {
        return Err(refused("the first member is another user's"));
    }
    Ok((pid, process.start_time()))
}
