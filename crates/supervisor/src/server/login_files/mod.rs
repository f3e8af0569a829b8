//! Files of login user ids and sessions that members get in place of the kernel's.

mod members;
mod opening;
mod values;

use crate::state::LoginFileState;
use auditns_sys::call::Access;
use auditns_wire::Errno;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// Most files that members of a namespace, and of those inside it, have open at a time: a login has one for a moment.
const OPEN_MAX: usize = 1024;

/// Whoever makes the files.
pub(crate) trait FilesOfLogins: fmt::Debug + Send {
    /// A number that no file has had.
    fn new_number(&self) -> u64;

    /// What members do with that file is told to this namespace from now on.
    fn route(&self, number: u64);

    /// A descriptor of that file.
    ///
    /// # Errors
    /// Those of opening it.
    fn opener(&self) -> Box<dyn FnOnce(u64, Access) -> io::Result<OwnedFd> + Send>;

    /// The file is closed.
    fn forget(&self, number: u64);
}

/// Where the answer to a read goes.
pub(crate) type ReadAnswer = Box<dyn FnOnce(Result<u32, Errno>) + Send>;
/// Where the answer to a write goes: how many bytes were taken.
pub(crate) type WriteAnswer = Box<dyn FnOnce(Result<u32, Errno>) + Send>;

/// What a member does with its file.
pub(crate) enum LoginCall {
    Read {
        number: u64,
        answer: ReadAnswer,
    },
    Write {
        number: u64,
        /// The same if it comes again.
        call: u64,
        /// The thread, as we see it.
        writer: u32,
        offset: u64,
        text: Vec<u8>,
        length: u32,
        answer: WriteAnswer,
    },
    Closed {
        number: u64,
    },
}

impl fmt::Debug for LoginCall {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, number) = match self {
            LoginCall::Read { number, .. } => ("Read", number),
            LoginCall::Write { number, .. } => ("Write", number),
            LoginCall::Closed { number } => ("Closed", number),
        };
        formatter.debug_tuple(name).field(number).finish()
    }
}

/// The files of a server.
#[derive(Debug, Default)]
pub(super) struct LoginFiles {
    files: Option<Box<dyn FilesOfLogins>>,
    open: BTreeMap<u64, LoginFileState>,
    /// The write that the namespace is about to answer.
    written: Option<Written>,
}

struct Written {
    call: u64,
    answer: WriteAnswer,
}

impl fmt::Debug for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Written").field(&self.call).finish()
    }
}

impl LoginFiles {
    pub(super) fn new(files: Option<Box<dyn FilesOfLogins>>) -> LoginFiles {
        LoginFiles { files, ..LoginFiles::default() }
    }

    /// For a snapshot.
    pub(super) fn states(&self) -> Vec<(u64, LoginFileState)> {
        self.open.iter().map(|(number, state)| (*number, *state)).collect()
    }

    /// Those that members had open.
    pub(super) fn restore(&mut self, states: Vec<(u64, LoginFileState)>) {
        if let Some(files) = &self.files {
            for (number, _) in &states {
                files.route(*number);
            }
        }
        self.open.extend(states);
    }

    fn close(&mut self, number: u64) {
        if let Some(files) = &self.files {
            files.forget(number);
        }
        self.open.remove(&number);
    }
}
