//! One namespace of the host, served by a thread of its own.
//!
//! Calls of members can make the kernel wait on their listener (a descriptor that blocks when it is closed, a table of
//! descriptors that grows), so no two namespaces share a thread.

use super::describe;
use super::directory::Directory;
use super::login_tree::{FilesOf, LoginTree};
use super::nested_names::NestedNames;
use super::orders::{Answer, Arriving, Description, Order, Orders};
use crate::forward::Forwarder;
use crate::identity::Clients;
use crate::keeping::Keeping;
use crate::log::{HostLog, LogFile};
use crate::observer::{Event, Observer};
use crate::origin::Origin;
use crate::server::calls::Calls;
use crate::server::durable::Durable;
use crate::server::login_files::FilesOfLogins;
use crate::server::nest::Nesting;
use crate::server::restore::KeptDescriptors;
use crate::server::storage::Storage;
use crate::server::threads::{AFTER_FAILURE, MainThread, Serving};
use crate::server::{Parts, Server};
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::start;
use crate::state::{Journal, KeptMessage, Replayed, State};
use crate::tags::TaskTags;
use crate::time::now;
use auditns_bpf::{Membership, Steering};
use auditns_core::{Config, Entrance, Family, Input, Namespace};
use auditns_sys::{Listener, placement};
use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Event data of orders.
const ORDERS_TOKEN: u64 = 1;
/// Bytes of a thread's stack, of which some 50 KiB are used. Smaller ones share the tables in which the kernel has their pages.
const STACK: usize = 512 << 10;
/// How a namespace begins in this process.
#[derive(Debug)]
pub(crate) enum Beginning {
    /// It is new.
    New {
        config: Box<Config>,
        origin: Box<Origin>,
        settings: Box<Settings>,
        listener: Listener,
        wait_killable: bool,
        /// See [`Input::HostSetsRateLimit`].
        rate_limit: u32,
        /// What members may make inside.
        nesting: auditns_core::Nesting,
    },
    /// A supervisor before this one has served it.
    Again(Box<Again>),
}

/// A namespace as a supervisor before this one left it.
#[derive(Debug)]
pub(crate) struct Again {
    pub(crate) family: Family,
    pub(crate) journal: Journal,
    pub(crate) replayed: Replayed,
    pub(crate) message: Option<KeptMessage>,
    pub(crate) descriptors: KeptDescriptors,
}

/// What all namespaces have in common.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) host_log: Arc<HostLog>,
    /// What copies of records go through, if the policy asks for them.
    pub(crate) forwarder: Option<Arc<Forwarder>>,
    /// Descriptors that one namespace may have open.
    pub(crate) descriptors: usize,
    /// What moves tasks between namespaces, and knows where they are.
    pub(crate) tags: Arc<dyn TaskTags>,
    /// What notes senders, from when it is loaded on.
    pub(crate) steering: Arc<OnceLock<Steering>>,
    /// Tells which task is in which namespace.
    pub(crate) membership: Arc<Membership>,
    /// Files of login user ids for members of all.
    pub(crate) login_tree: Arc<LoginTree>,
    /// The sockets of all to come.
    pub(crate) sockets: Arc<Sockets>,
}

/// A namespace to be served.
pub(crate) struct Resident {
    pub(crate) beginning: Beginning,
    pub(crate) state: State,
    pub(crate) keeping: Keeping,
    pub(crate) surroundings: Arc<Surroundings>,
    pub(crate) observer: Box<dyn Observer + Send>,
    pub(crate) directory: Arc<Directory>,
    /// Called when the namespace has ended, or cannot be served any more.
    pub(crate) ended: Box<dyn FnOnce() + Send>,
}

impl Resident {
    /// Starts the thread. Returns when the namespace can be had again after a kill.
    ///
    /// # Errors
    /// Those of making what it needs; nothing is left of it then.
    pub(crate) fn start(self) -> io::Result<(Orders, Description)> {
        let (handle, orders) = Orders::new()?;
        let own = handle.clone();
        let (tell, told) = sync_channel(1);
        thread::Builder::new().name("namespace".to_owned()).stack_size(STACK).spawn(move || {
            self.serve(own, &orders, &tell);
        })?;
        let description = told.recv().map_err(|_| io::ErrorKind::Other)??;
        Ok((handle, description))
    }

    fn serve(self, own: Orders, orders: &Arriving, begun: &SyncSender<Answer>) {
        let Resident { beginning, state, keeping, surroundings, mut observer, directory, ended } = self;
        let files = FilesOf::new(Arc::clone(&surroundings.login_tree), own.clone());
        let around = Around { register: Box::new(NestedNames::new(directory, own)), files: Box::new(files) };
        // Without it the scheduler decides as for any other.
        let _ = placement::shorten_slice();
        let is_new = matches!(beginning, Beginning::New { .. });
        state.blame().during(|| {
            let serving = begin(beginning, &state, keeping.clone(), &surroundings, around, &mut *observer)
                .and_then(|(serving, over)| {
                    serving.lock().watch(orders, ORDERS_TOKEN)?;
                    Ok((serving, over))
                });
            match serving {
                Ok((serving, over)) => {
                    let _ = begun.send(own_description(&serving.lock()));
                    if !over {
                        serving.run(|thread| serve_until_end(thread, orders));
                    }
                    serving.lock().forget_kept();
                }
                Err(error) => {
                    if is_new {
                        keeping.forget_listener(0);
                        keeping.forget_namespace();
                    }
                    let _ = begun.send(Err(error));
                }
            }
        });
        ended();
    }
}

fn serve_until_end(thread: &mut MainThread<'_, '_, '_>, orders: &Arriving) {
    let mut disturbed = false;
    loop {
        match thread.turn(None) {
            Ok(turn) => {
                disturbed = false;
                // Whoever would join now would be in a namespace that is no more.
                if turn.ended {
                    thread.finish();
                    return;
                }
                if turn.ready.contains(&ORDERS_TOKEN) {
                    orders.obey(|| thread.lock(), |server, nested, order| obey(server, nested, order));
                    thread.look_again();
                }
            }
            Err(error) => {
                if !disturbed {
                    thread.lock().show(&Event::NotServed { error: &error });
                }
                disturbed = true;
                std::thread::sleep(AFTER_FAILURE);
            }
        }
    }
}

/// What leads from a namespace to the rest of the host.
struct Around {
    register: Box<NestedNames>,
    files: Box<dyn FilesOfLogins>,
}

fn own_description(server: &Server<'_>) -> Answer {
    describe::description(server, server.namespace().contid()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// In a box, so that it is not in the stack of the thread several times.
#[inline(never)]
fn begin<'o>(
    beginning: Beginning,
    state: &State,
    keeping: Keeping,
    surroundings: &Arc<Surroundings>,
    around: Around,
    observer: &'o mut (dyn Observer + Send),
) -> io::Result<(Box<Serving<'o>>, bool)> {
    match beginning {
        Beginning::New { config, origin, settings, listener, wait_killable, rate_limit, nesting } => {
            let journal = Arc::new(state.new_journal());
            let mut namespace = Namespace::new(*config, now());
            namespace.handle(Input::HostSetsRateLimit(rate_limit), now());
            keeping.state(state);
            let family = Durable::new(Family::new(namespace, nesting), Some(journal));
            let parts = parts(family, *origin, *settings, state, keeping, surroundings, around);
            let mut server = Server::new(parts, observer)?;
            server.add_listener(listener, wait_killable, None)?;
            // From here on there is a namespace, whatever happens to this process.
            server.save();
            server.begin();
            Ok((Box::new(Serving::new(server)), false))
        }
        Beginning::Again(again) => {
            let Again { family, journal, replayed, message, descriptors } = *again;
            let mut origin = replayed.frame.origin.clone();
            origin.served_before = origin.served_before.saturating_add(1);
            let settings = replayed.frame.settings.clone();
            let family = Durable::new(family, Some(Arc::new(journal)));
            let parts = parts(family, origin, settings, state, keeping, surroundings, around);
            let mut server = Server::new(parts, observer)?;
            let over = server.restore(replayed, message, descriptors)?;
            Ok((Box::new(Serving::new(server)), over))
        }
    }
}

fn parts(
    namespace: Durable,
    origin: Origin,
    settings: Settings,
    state: &State,
    keeping: Keeping,
    surroundings: &Arc<Surroundings>,
    around: Around,
) -> Parts {
    let Around { register, files } = around;
    let storage = logs(&origin.log_folder, &settings, surroundings);
    let others = Arc::clone(surroundings);
    let nesting = Nesting {
        tags: Arc::clone(&surroundings.tags),
        register,
        storage: Box::new(move |folder, settings| logs(folder, settings, &others)),
        number: usize::try_from(namespace.nesting().number).unwrap_or(usize::MAX),
    };
    Parts {
        namespace,
        nesting: Some(nesting),
        answers: Some(state.answers()),
        calls: Calls::new(Some(state.calls())),
        storage,
        clients: Clients::new(&settings.strict_clients),
        sockets: Arc::clone(&surroundings.sockets),
        descriptors: surroundings.descriptors,
        origin,
        settings,
        keeping: Some(keeping),
        steering: Arc::clone(&surroundings.steering),
        membership: Arc::clone(&surroundings.membership),
        login_files: Some(files),
    }
}

/// The logs of a namespace, in its folder.
fn logs(folder: &Path, settings: &Settings, surroundings: &Surroundings) -> Storage {
    let mut storage = Storage::new(LogFile::new(folder, settings.rotation));
    storage.set_host(Arc::clone(&surroundings.host_log));
    if let Some(forwarder) = &surroundings.forwarder {
        storage.set_forwarder(Arc::clone(forwarder));
    }
    if settings.inside_log {
        storage.set_inside(LogFile::named(folder, "namespace.log", settings.rotation));
    }
    storage
}

fn obey(server: &mut Server<'_>, nested: Option<u64>, order: Order) -> Answer {
    let namespace = nested.unwrap_or(server.namespace().contid());
    match order {
        Order::SetBacklogLimit(limit) => server.order(namespace, Input::HostSetsBacklogLimit(limit)),
        Order::SetRateLimit(limit) => server.order(namespace, Input::HostSetsRateLimit(limit)),
        Order::SetPolicy(policy) => server.order(namespace, Input::HostSetsPolicy(policy)),
        Order::Change(settings) => match nested {
            Some(contid) => server.set_settings_of_nested(contid, *settings),
            None => server.set_settings(*settings),
        },
        Order::LoginCall(call) => server.serve_login_call(call),
        Order::Emptied => server.nested_emptied(namespace),
        Order::Join { listener, wait_killable, place, joining } => {
            if let Some(contid) = nested {
                server.move_into_nested(contid, joining.pid)?;
            }
            server.add_listener(listener, wait_killable, place)?;
            let mut fields = start::process(joining.pid);
            if place.is_some() {
                // It is the runtime still, which is not where it will be.
                fields.truncate(1);
            }
            let input = Input::LetIn { operation: Entrance::Join, by: joining.by, fields: &fields };
            server.order(namespace, input);
        }
        Order::AnswerProxied { call, listener } => server.answer_proxied(call, listener)?,
        Order::Introduce { pid, started, by } if server.set_first_member(pid, started) => {
            let fields = start::process(pid);
            server.order(namespace, Input::LetIn { operation: Entrance::First, by, fields: &fields });
        }
        Order::NoteListeners => server.note_listeners(),
        // When it was told to everybody, this one may not have been known.
        Order::Describe if server.has_to_note() => server.note_listeners(),
        Order::Describe | Order::Introduce { .. } => {}
    }
    describe::description(server, namespace).ok_or_else(|| io::ErrorKind::NotFound.into())
}
