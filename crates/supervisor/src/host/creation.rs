//! Making a namespace for whoever asks.

use super::asking::described;
use super::directory::Entry;
use super::joining::{Unserved, copy, ids_of, process_of};
use super::naming::{LEFTOVERS, Names};
use super::orders::Description;
use super::resident::{Beginning, Resident};
use super::{Shared, user_name};
use crate::keeping::Keeping;
use crate::log::{Folder, Rotation};
use crate::origin::Origin;
use crate::settings::Settings;
use crate::start::{self, First};
use crate::state::State;
use crate::time::now;
use auditns_control::Refusal;
use auditns_control::interface::{self, Container, CreateReply, CreateRequest, PrepareReply, PrepareRequest};
use auditns_control::server::Peer;
use auditns_core::{Config, Nesting, Policy};
use auditns_policy::{Mode, Who};
use auditns_runtimes::labels::{self, Labels, Wishes};
use auditns_sys::Listener;
use auditns_sys::launch::LoginuidOutcome;
use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

/// Longest name of a runtime, in bytes.
const RUNTIME_MAX: usize = 32;
/// What the labels by which a cluster knows a container begin with: every line of the host's log has them.
const CLUSTER: &str = "k8s-";

pub(super) fn create(
    shared: &Arc<Shared>,
    peer: Peer,
    request: &CreateRequest,
    listener: Listener,
) -> Result<CreateReply, Refusal> {
    create_or_return(shared, peer, request, listener).map_err(|(refusal, _)| refusal)
}

/// As [`create`]; a listener that is not needed comes back.
pub(super) fn create_or_return(
    shared: &Arc<Shared>,
    peer: Peer,
    request: &CreateRequest,
    listener: Listener,
) -> Result<CreateReply, Unserved> {
    let (wanted, granted) = match prepare(shared, peer, request) {
        Ok(Prepared::New(wanted, granted)) => (*wanted, granted),
        // A reply may have been lost with a supervisor before this one.
        Ok(Prepared::Known(known)) => {
            return described(&known).map(reply).map_err(|refusal| (refusal, Some(listener)));
        }
        Err(refusal) => return Err((refusal, Some(listener))),
    };
    shared.refusing.release(&listener);
    let spare = copy(&listener);
    let begun = begin(shared, peer, request, &granted, &wanted, listener);
    begun.map_err(|refusal| {
        shared.directory.release(wanted.index);
        (refusal, spare)
    })
}

/// What the policy says of the namespace that a request would come to, by the first of the names that it may get.
pub(super) fn prepare_for(
    shared: &Arc<Shared>,
    peer: Peer,
    request: PrepareRequest,
) -> Result<PrepareReply, Refusal> {
    let PrepareRequest { name, container, runtime, command, annotations } = request;
    let request =
        CreateRequest { name, container, runtime, command, annotations, ..CreateRequest::default() };
    let asked = Asked::new(&request)?;
    let names = Names::new(peer, &request, &asked.labels, &asked.wishes, peer.pid)?;
    let name = names.first().ok_or(Refusal::InvalidName { name: String::new() })?;
    let granted = asked.granted(&shared.policy(), peer, name)?;
    let own_logins = shared.surroundings.login_tree.is_mounted_in_time();
    Ok(PrepareReply { loginuid: granted.loginuid.name().to_owned(), own_logins })
}

/// What a request says, and who asks.
struct Asked {
    runtime: String,
    labels: Labels,
    wishes: Wishes,
}

impl Asked {
    fn new(request: &CreateRequest) -> Result<Asked, Refusal> {
        let not_permitted = |why| Refusal::NotPermitted { operation: "Create".to_owned(), why };
        let id = request.container.as_ref().map_or("", |container| &container.id);
        let labels = Labels::new(id, &request.annotations);
        let wishes = Wishes::parse(&request.annotations).map_err(|error| not_permitted(error.to_string()))?;
        if wishes.off {
            let why = "the annotation io.auditns.off says that there is to be no namespace".to_owned();
            return Err(not_permitted(why));
        }
        let runtime = request.runtime.chars().filter(char::is_ascii_alphanumeric).take(RUNTIME_MAX).collect();
        Ok(Asked { runtime, labels, wishes })
    }

    fn granted(
        &self,
        policy: &auditns_policy::Policy,
        peer: Peer,
        name: &str,
    ) -> Result<Box<auditns_policy::Settings>, Refusal> {
        let user = user_name(peer.uid);
        let who = Who { runtime: &self.runtime, uid: peer.uid, user: user.as_deref(), name };
        policy.settings_for(&who).map(Box::new).map_err(|refused| Refusal::NotPermitted {
            operation: "Create".to_owned(),
            why: refused.to_string(),
        })
    }
}

/// What a request comes to.
enum Prepared {
    /// The namespace is there already.
    Known(Entry),
    New(Box<Wanted>, Box<auditns_policy::Settings>),
}

struct Wanted {
    index: u32,
    first: (u32, u64),
    name: String,
    runtime: String,
    command: Vec<OsString>,
    labels: Vec<(&'static str, String)>,
    wishes: Wishes,
}

fn prepare(shared: &Arc<Shared>, peer: Peer, request: &CreateRequest) -> Result<Prepared, Refusal> {
    let first = process_of(peer, request.pid, "Create")?;
    if let Some(known) = shared.directory.find(|entry| entry.first == first && entry.uid == peer.uid) {
        return Ok(Prepared::Known(known));
    }
    let asked = Asked::new(request)?;
    let policy = shared.policy();
    let grant = |name: &str| asked.granted(&policy, peer, name);
    let names = Names::new(peer, request, &asked.labels, &asked.wishes, first.0)?;
    let (index, name, granted) = names.reserve(shared, peer, request.container.as_ref(), grant)?;
    let Asked { runtime, labels, wishes } = asked;
    let command = request.command.iter().map(OsString::from).collect();
    let labels = labels.fields();
    let wanted = Wanted { index, first, name, runtime, command, labels, wishes };
    Ok(Prepared::New(Box::new(wanted), granted))
}

fn begin(
    shared: &Arc<Shared>,
    peer: Peer,
    request: &CreateRequest,
    granted: &auditns_policy::Settings,
    wanted: &Wanted,
    listener: Listener,
) -> Result<CreateReply, Refusal> {
    let Wanted { index, first, name, runtime, command, labels, wishes } = wanted;
    let unavailable = |why: String| Refusal::Unavailable { why };
    let folder = Folder::open_in_time(&shared.log_folder, name, LEFTOVERS)
        .map_err(|error| unavailable(error.to_string()))?;
    let settings = Settings {
        rotation: Rotation { size: granted.log_size, files: granted.log_files },
        inside_log: granted.inside_log,
        sockets: granted.sockets,
        read_rate: granted.read_rate,
        strict_clients: [granted.strict_clients.clone(), request.strict_clients.clone()].concat(),
    };
    // Memory and rules are the host's to grant: a user can ask for less.
    let backlog_limit = match request.backlog_limit.or(wishes.backlog_limit) {
        Some(limit) if peer.uid == 0 => limit,
        Some(limit) => limit.min(granted.backlog_limit),
        None => granted.backlog_limit,
    };
    let wished = request.policy.or(wishes.policy.map(|mode| match mode {
        labels::Mode::Normal => interface::Policy::Normal,
        labels::Mode::Strict => interface::Policy::Strict,
    }));
    let policy = match (wished, granted.policy) {
        (Some(interface::Policy::Strict), _) | (None, Mode::Strict) => Policy::Strict,
        (_, Mode::Strict) if peer.uid != 0 => Policy::Strict,
        _ => Policy::Normal,
    };
    let mut fields = start::fields(&First {
        runtime,
        pid: first.0,
        is_runtime: request.container.is_some() && first.0 == peer.pid,
        loginuid: &request.loginuid,
        no_new_privileges: request.no_new_privileges,
        command,
    });
    let owned = |(field, value): &(&'static str, String)| (Cow::Borrowed(*field), value.clone());
    let (of_cluster, of_container): (Vec<_>, Vec<_>) =
        labels.iter().map(owned).partition(|(field, _)| field.starts_with(CLUSTER));
    fields.extend(of_container);
    let config = Config {
        contid: crate::new_contid(),
        name: name.clone().into_bytes(),
        policy,
        backlog_limit,
        queue_bytes: granted.queue_bytes,
        starter: ids_of(peer),
        labels: of_cluster,
        parents: Vec::new(),
        start_fields: fields,
        rules_max: granted.rules,
        inside_log: granted.inside_log,
        delivery_delay: Config::DELIVERY_DELAY,
        own_logins: request.loginuid == LoginuidOutcome::Virtual.name(),
    };
    let origin = Origin {
        index: *index,
        name: name.clone(),
        runtime: runtime.clone(),
        container: request.container.clone(),
        labels: labels.iter().map(|(field, value)| ((*field).to_owned(), value.clone())).collect(),
        uid: peer.uid,
        pid: first.0,
        pid_started: first.1,
        began: now().seconds,
        served_before: 0,
        log_folder: folder.path().to_owned(),
    };
    let entry = EntryOf {
        name: name.clone(),
        contid: config.contid,
        uid: peer.uid,
        first: *first,
        container: request.container.clone(),
    };
    let beginning = Beginning::New {
        config: Box::new(config),
        origin: Box::new(origin),
        settings: Box::new(settings),
        listener,
        wait_killable: request.wait_killable,
        rate_limit: granted.rate_limit,
        nesting: Nesting {
            depth: granted.nested_depth,
            number: granted.nested_namespaces,
            share: granted.nested_share,
        },
    };
    let failed = |error: io::Error| unavailable(format!("the namespace cannot be served: {error}"));
    let state = State::create().map_err(failed)?;
    start_resident(shared, *index, entry, state, beginning, folder).map(reply).map_err(failed)
}

/// What the directory is to know of a namespace.
#[derive(Debug)]
pub(super) struct EntryOf {
    pub(super) name: String,
    pub(super) contid: u64,
    pub(super) uid: u32,
    pub(super) first: (u32, u64),
    pub(super) container: Option<Container>,
}

/// Starts the thread of a namespace and enters it into the directory. Returns how it begins.
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
) -> io::Result<Description> {
    let (gone, removed) = std::sync::mpsc::channel::<()>();
    let directory = Arc::clone(&shared.directory);
    let resident = Resident {
        beginning,
        state,
        keeping: Keeping::new(Arc::clone(&shared.keep), index, entry.uid),
        surroundings: Arc::clone(&shared.surroundings),
        observer: (shared.observer)(&entry.name),
        directory: Arc::clone(&shared.directory),
        ended: Box::new(move || {
            // It is entered before it can be removed, however short it lives; where it never began, its place is another's by now.
            if removed.recv().is_ok() {
                directory.remove(index);
            }
            drop(folder);
        }),
    };
    let (orders, description) = resident.start()?;
    let EntryOf { name, contid, uid, first, container } = entry;
    shared.directory.add(index, Entry { name, contid, uid, first, container, orders });
    let _ = gone.send(());
    Ok(description)
}

fn reply(Description { info, .. }: Description) -> CreateReply {
    CreateReply {
        contid: info.contid,
        name: info.name,
        log_folder: info.log_folder,
        backlog_limit: info.backlog_limit,
    }
}
