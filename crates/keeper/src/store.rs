//! The server's side: having descriptors kept.

use crate::message::is_name;
use rustix::io::IoSlice;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sendmsg_addr, socket_with,
};
use std::env;
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

/// How long a keeper that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a descriptor is not kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The keeper could not be told.
    #[error(
        "the keeper cannot be told about {name} ({error}); the descriptor is lost if this process is killed"
    )]
    Send {
        /// The name.
        name: String,
        /// Why.
        error: io::Error,
    },
    /// Not a name.
    #[error("{0:?} cannot name a descriptor; use 1 to 255 characters of ASCII without ':'")]
    Name(String),
    /// There is no keeper.
    #[error("NOTIFY_SOCKET holds {0:?}, which is no socket address; start the program by its keeper")]
    Address(OsString),
}

/// The way to whoever keeps descriptors.
#[derive(Debug)]
pub struct FdStore {
    keeper: Option<(OwnedFd, SocketAddrUnix)>,
}

impl FdStore {
    /// The keeper that `NOTIFY_SOCKET` names. Without one nothing is kept, and [`FdStore::is_kept`] says so.
    ///
    /// # Errors
    /// [`StoreError::Address`].
    pub fn from_environment() -> Result<FdStore, StoreError> {
        let Some(name) = env::var_os("NOTIFY_SOCKET") else { return Ok(FdStore { keeper: None }) };
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(abstract_name) => SocketAddrUnix::new_abstract_name(abstract_name),
            None => SocketAddrUnix::new(name.as_os_str()),
        };
        let Ok(address) = address else { return Err(StoreError::Address(name)) };
        let keeper = (|| {
            let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
            sockopt::set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
            Ok(socket)
        })();
        match keeper {
            Ok(socket) => Ok(FdStore { keeper: Some((socket, address)) }),
            Err(error) => Err(StoreError::Send { name: "NOTIFY_SOCKET".to_owned(), error }),
        }
    }

    /// Whether there is a keeper.
    pub fn is_kept(&self) -> bool {
        self.keeper.is_some()
    }

    /// Has copies kept under a name. A descriptor of which the other end is closed stays kept: it may hold what nobody has
    /// read.
    ///
    /// # Errors
    /// [`StoreError::Name`] and [`StoreError::Send`].
    pub fn keep(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
        self.say(name, &format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), descriptors)
    }

    /// Gives up what is kept under a name.
    ///
    /// # Errors
    /// As [`FdStore::keep`].
    pub fn forget(&self, name: &str) -> Result<(), StoreError> {
        self.say(name, &format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
    }

    /// Says that the server serves.
    ///
    /// # Errors
    /// [`StoreError::Send`].
    pub fn ready(&self, status: &str) -> Result<(), StoreError> {
        self.say("READY", &format!("READY=1\nSTATUS={status}"), &[])
    }

    fn say(&self, name: &str, text: &str, descriptors: &[BorrowedFd<'_>]) -> Result<(), StoreError> {
        if !is_name(name) {
            return Err(StoreError::Name(name.to_owned()));
        }
        let Some((socket, address)) = &self.keeper else { return Ok(()) };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        loop {
            let text = [IoSlice::new(text.as_bytes())];
            match sendmsg_addr(socket, address, &text, &mut control, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(StoreError::Send { name: name.to_owned(), error: error.into() }),
            }
        }
    }
}
