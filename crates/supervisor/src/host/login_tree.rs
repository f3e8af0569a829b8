//! Files of login user ids and sessions, of the members of all namespaces.

use super::orders::{Order, Orders};
use crate::keeping::Keep;
use crate::server::login_files::{FilesOfLogins, LoginCall};
use auditns_loginfs::{
    Access, FileNumber, Kept, Logins, MountError, Mounted, ReadReply, Write, WriteReply, mount,
};
use auditns_sys::call;
use auditns_wire::Errno;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Under which names both descriptors of the files are kept.
const CONNECTION: &str = "login-files";
const ROOT: &str = "login-files-root";

/// How long whoever asks waits until it is known whether there are files, and how often it is looked.
const UNTIL_SETTLED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(2);

/// The files, and to which namespace each belongs.
#[derive(Default)]
pub(crate) struct LoginTree {
    mounted: OnceLock<Option<Mounted>>,
    routes: Mutex<HashMap<u64, Orders>>,
}

impl fmt::Debug for LoginTree {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoginTree").field("mounted", &self.mounted).finish_non_exhaustive()
    }
}

impl LoginTree {
    /// Whether members can have files.
    pub(crate) fn is_mounted(&self) -> bool {
        self.mounted.get().is_some_and(Option::is_some)
    }

    /// As [`Self::is_mounted`], when it is settled: a supervisor answers before it is.
    pub(super) fn is_mounted_in_time(&self) -> bool {
        let until = Instant::now() + UNTIL_SETTLED;
        while self.mounted.get().is_none() && Instant::now() < until {
            thread::sleep(LOOK);
        }
        self.is_mounted()
    }

    /// Takes up what a supervisor before this one has kept of them, or makes them anew.
    ///
    /// # Errors
    /// See [`MountError`]. Members get the kernel's files then.
    pub(super) fn mount(self: &Arc<LoginTree>, keep: &Keep, kept: Option<Kept>) -> Result<(), MountError> {
        let was_kept = kept.is_some();
        let mounted = mount(Arc::new(Routed(Arc::clone(self))), kept);
        if let Ok(mounted) = &mounted
            && !mounted.is_taken_over()
        {
            if was_kept {
                keep.forget(CONNECTION);
                keep.forget(ROOT);
            }
            // What is not kept is lost with this process: files that are open say so then.
            let _ = keep.keep(CONNECTION, mounted.connection()) && keep.keep(ROOT, mounted.root());
        }
        let (mounted, result) = match mounted {
            Ok(mounted) => (Some(mounted), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // It is called once.
        let _ = self.mounted.set(mounted);
        result
    }

    /// Takes what was kept of the files from what was kept of everything.
    pub(super) fn kept(kept: &mut Vec<(String, OwnedFd)>) -> Option<Kept> {
        let mut take = |wanted: &str| {
            let at = kept.iter().position(|(name, _)| name == wanted)?;
            Some(kept.swap_remove(at).1)
        };
        let (connection, root) = (take(CONNECTION), take(ROOT));
        Some(Kept { connection: connection?, root: root? })
    }

    fn orders(&self, number: u64) -> Option<Orders> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    fn give(&self, number: u64, call: LoginCall) {
        // What has nobody to answer it is answered where it is dropped.
        if let Some(orders) = self.orders(number) {
            orders.leave(Order::LoginCall(call));
        }
    }
}

/// What members do with their files, on its way to their namespaces.
struct Routed(Arc<LoginTree>);

impl Logins for Routed {
    fn read(&self, file: FileNumber, _reader: u32, reply: ReadReply) {
        let answer = Box::new(|result: Result<u32, Errno>| match result {
            Ok(value) => reply.text(&value.to_string()),
            Err(errno) => reply.error(errno),
        });
        self.0.give(file.0, LoginCall::Read { number: file.0, answer });
    }

    fn write(&self, write: Write<'_>, reply: WriteReply) {
        let answer = Box::new(|result: Result<u32, Errno>| match result {
            Ok(length) => reply.taken(length),
            Err(errno) => reply.error(errno),
        });
        let number = write.file.0;
        let call = LoginCall::Write {
            number,
            call: unique(number, write.call),
            writer: write.writer,
            offset: write.offset,
            text: write.text.to_vec(),
            length: write.length,
            answer,
        };
        self.0.give(number, call);
    }

    fn closed(&self, file: FileNumber) {
        self.0.give(file.0, LoginCall::Closed { number: file.0 });
    }
}

/// A number for a call that no other call has, also not one on files that were made before these: then calls count from the
/// beginning, but files have other numbers.
fn unique(file: u64, call: u64) -> u64 {
    /// 2^64 divided by the golden ratio, odd: a multiple of it for each call.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    (file ^ call.wrapping_mul(SPREAD)).max(1)
}

/// The files of the members of one namespace, and of those inside it.
#[derive(Debug)]
pub(super) struct FilesOf {
    tree: Arc<LoginTree>,
    orders: Orders,
}

impl FilesOf {
    pub(super) fn new(tree: Arc<LoginTree>, orders: Orders) -> FilesOf {
        FilesOf { tree, orders }
    }
}

impl FilesOfLogins for FilesOf {
    fn new_number(&self) -> u64 {
        crate::new_contid()
    }

    fn route(&self, number: u64) {
        let mut routes = self.tree.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes.insert(number, self.orders.clone());
    }

    fn opener(&self) -> Box<dyn FnOnce(u64, call::Access) -> io::Result<OwnedFd> + Send> {
        let tree = Arc::clone(&self.tree);
        Box::new(move |number, access| {
            // A call that was left over can be looked at before they are there.
            let mounted = tree.mounted.wait().as_ref().ok_or(io::ErrorKind::NotFound)?;
            let access = match access {
                call::Access::Read => Access::Read,
                call::Access::Write => Access::Write,
                call::Access::Both => Access::ReadWrite,
            };
            mounted.open(FileNumber(number), access)
        })
    }

    fn forget(&self, number: u64) {
        self.tree.routes.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}
