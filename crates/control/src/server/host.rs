//! Whom the server asks.

use crate::Refusal;
use crate::interface::{
    CreateReply, CreateRequest, IntroduceRequest, JoinReply, JoinRequest, NamespaceInfo, PrepareReply,
    PrepareRequest, SetReply, SetRequest, SupervisorInfo, Which,
};
use rustix::process::Pid;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Who is at the other end, as the kernel attests it: the effective ids of the process that connected, when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its process, 0 if it is not in the supervisor's process namespace. It may have ended, and its number be that
    /// of another.
    pub pid: u32,
    /// Its login user id and session when the connection was accepted, `u32::MAX` where they are not set or not known.
    pub login: (u32, u32),
}

impl Peer {
    /// Who connected a socket.
    ///
    /// # Errors
    /// Those of `getsockopt(2)`.
    pub fn of(socket: impl AsFd) -> io::Result<Peer> {
        let credentials = rustix::net::sockopt::socket_peercred(socket)?;
        let pid = u32::try_from(Pid::as_raw(Some(credentials.pid))).unwrap_or(0);
        let login = (of_process(pid, "loginuid"), of_process(pid, "sessionid"));
        Ok(Peer { uid: credentials.uid.as_raw(), gid: credentials.gid.as_raw(), pid, login })
    }
}

/// A number that the kernel tells of a process in a file of its own.
fn of_process(pid: u32, file: &str) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"));
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX)
}

/// What answers the calls of `io.auditns`.
///
/// Calls come from a thread for each connection, so several at the same time. A call may take a second: nobody waits
/// for it but the one who asked. Who may do what is the host's to decide.
pub trait Host: Send + Sync {
    /// The namespaces that the peer may see.
    fn list(&self, peer: Peer) -> Result<Vec<NamespaceInfo>, Refusal>;
    /// One namespace.
    fn show(&self, peer: Peer, which: Which) -> Result<NamespaceInfo, Refusal>;
    /// Changes a setting of a namespace.
    fn set(&self, peer: Peer, request: SetRequest) -> Result<SetReply, Refusal>;
    /// Makes a namespace. The descriptor is the peer's word: it need not be a seccomp listener.
    fn create(&self, peer: Peer, request: CreateRequest, listener: OwnedFd) -> Result<CreateReply, Refusal>;
    /// Adds processes to a namespace. The descriptor is the peer's word: it need not be a seccomp listener.
    fn prepare(&self, peer: Peer, request: PrepareRequest) -> Result<PrepareReply, Refusal>;

    /// See [`JoinRequest`].
    fn join(&self, peer: Peer, request: JoinRequest, listener: OwnedFd) -> Result<JoinReply, Refusal>;
    /// Takes note of a container's first process.
    fn introduce(&self, peer: Peer, request: IntroduceRequest) -> Result<JoinReply, Refusal>;
    /// Reads the configuration again. Returns what there is to say about it.
    fn reload(&self, peer: Peer) -> Result<Vec<String>, Refusal>;
    /// What there is to know about the supervisor.
    fn supervisor(&self, peer: Peer) -> Result<SupervisorInfo, Refusal>;
}
