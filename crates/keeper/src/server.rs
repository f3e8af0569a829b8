//! The server process, and hearing it.

use crate::inherited::{COUNT, FOR_CHILD_OF, FOR_PROCESS, NAMES};
use crate::message::{LENGTH_MAX, Message};
use crate::shelf::Shelf;
use auditns_sys::inherited;
use rustix::io::{Errno, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, bind, recvmsg, socket_with, sockopt,
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

/// Most descriptors of one message.
const DESCRIPTORS: usize = 16;
/// The variable that tells a server how many there were before it.
const RESTARTS: &str = "AUDITNS_RESTARTS";

/// Where servers say what is to be kept.
#[derive(Debug)]
pub(crate) struct Ear {
    socket: OwnedFd,
    path: PathBuf,
}

impl Ear {
    /// Listens at that path, which root alone can write to.
    pub(crate) fn bind(path: &Path) -> io::Result<Ear> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        sockopt::set_socket_passcred(&socket, true)?;
        let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let bound = bind(&socket, &SocketAddrUnix::new(path)?);
        rustix::process::umask(mask);
        bound?;
        Ok(Ear { socket, path: path.to_owned() })
    }

    /// The next message of that process. Those of others are dropped. `None` when nothing waits.
    pub(crate) fn hear(&self, from: Pid) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        loop {
            let mut bytes = [0; LENGTH_MAX];
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS), ScmCredentials(1))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            let length = match recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)
            {
                Ok(received) => received.bytes,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let (mut descriptors, mut sender) = (Vec::new(), None);
            for part in control.drain() {
                match part {
                    RecvAncillaryMessage::ScmRights(fds) => descriptors.extend(fds),
                    RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
                    _ => {}
                }
            }
            if sender == Some(from) {
                return Ok(Some((Message::parse(bytes.get(..length).unwrap_or(&[])), descriptors)));
            }
        }
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) pidfd: OwnedFd,
    /// It serves, as far as it says.
    pub(crate) ready: bool,
}

impl Server {
    /// Executes a server with what is kept.
    pub(crate) fn start(
        program: &Path,
        arguments: &[OsString],
        ear: &Ear,
        shelf: &Shelf,
        restarts: u32,
    ) -> io::Result<Server> {
        let mut command = Command::new(program);
        command.args(arguments).env("NOTIFY_SOCKET", &ear.path).env(RESTARTS, restarts.to_string());
        hand_over(&mut command, shelf)?;
        command.env(FOR_CHILD_OF, std::process::id().to_string()).env_remove(FOR_PROCESS);
        let child = command.spawn()?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        Ok(Server { child, pidfd, ready: false })
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait()
    }

    /// Does what a message says.
    pub(crate) fn follow(&mut self, message: &Message, descriptors: Vec<OwnedFd>, kept: &mut Shelf) {
        self.ready |= message.ready;
        let Some(name) = &message.name else { return };
        if message.remove {
            kept.forget(name);
        }
        if message.store {
            for fd in descriptors {
                kept.keep(name, fd);
            }
        }
    }
}

/// Lets a command inherit what is kept.
pub(crate) fn hand_over(command: &mut Command, shelf: &Shelf) -> io::Result<()> {
    let descriptors = shelf.descriptors();
    command.env(COUNT, descriptors.len().to_string()).env(NAMES, shelf.names());
    inherited::give(command, &descriptors)
}
