//! Loading the program that notes senders (`auditns_bpf`), in a process of its own.
//!
//! It reads megabytes of the kernel's type information and needs capabilities and calls that the supervisor has given up when
//! it serves; nobody is to wait for it.

use crate::terminal::line;
use auditns_bpf::{Parts, Steering};
use rustix::io::{IoSlice, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;

/// Connections whose senders are noted, about: as many as can be kept over a restart. Costs 2 MiB of kernel memory.
const CONNECTIONS: u32 = 8192;
/// Whoever waits for an acknowledgement comes first.
const NICE: i32 = 19;

/// Also where it was replaced on disk since.
const SAME_PROGRAM: &str = "/proc/self/exe";

/// What the environment says about this process's parent, not about it.
const NOTIFY_VARIABLE: &str = "NOTIFY_SOCKET";

/// A process that loads the program.
#[derive(Debug)]
pub(crate) struct Loader {
    child: Child,
    socket: OwnedFd,
}

impl Loader {
    /// Starts it.
    ///
    /// # Errors
    /// Those of making the socket and the process.
    pub(crate) fn start() -> io::Result<Loader> {
        let (socket, other) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let mut command = Command::new(SAME_PROGRAM);
        command.arg("load-steering").env_remove(NOTIFY_VARIABLE);
        let child = command.stdin(Stdio::from(other)).stdout(Stdio::null()).spawn()?;
        Ok(Loader { child, socket })
    }

    /// Waits for it in a thread, and hands over what it has loaded. Why it has not, it says itself.
    ///
    /// # Errors
    /// Those of starting the thread.
    pub(crate) fn wait(self, steering: Arc<OnceLock<Steering>>) -> io::Result<()> {
        let Loader { mut child, socket } = self;
        let wait = move || {
            if let Some(loaded) = receive(&socket).and_then(|parts| Steering::from_parts(parts).ok()) {
                let _ = steering.set(loaded);
            }
            let _ = child.wait();
        };
        thread::Builder::new().name("steering".to_owned()).spawn(wait).map(|_| ())
    }
}

/// `auditns load-steering`: loads the program, and sends it to whoever holds the other end of standard input.
pub(crate) fn load() -> ExitCode {
    let _ = rustix::process::nice(NICE);
    let parts = match Steering::load(CONNECTIONS) {
        Ok(steering) => steering.into_parts(),
        Err(error) => {
            line(&format!("senders are looked up in /proc, which takes longer: {error}"));
            return ExitCode::FAILURE;
        }
    };
    // Nobody waits any more where that fails.
    if send(&io::stdin(), &parts).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn send(socket: &impl AsFd, parts: &Parts) -> io::Result<()> {
    let descriptors = [parts.program.as_fd(), parts.map.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    sendmsg(socket, &[IoSlice::new(&parts.slots.to_ne_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn receive(socket: &OwnedFd) -> Option<Parts> {
    let mut bytes = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC).ok()?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let mut descriptors = descriptors.next()?;
    let parts =
        Parts { program: descriptors.next()?, map: descriptors.next()?, slots: u32::from_ne_bytes(bytes) };
    (received.bytes == bytes.len()).then_some(parts)
}
