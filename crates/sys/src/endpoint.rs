//! The sockets that members get in place of audit sockets.
//!
//! A member holds the client end of an `AF_UNIX` `SOCK_SEQPACKET` pair. The server end is bound to an abstract name of
//! ten bytes, so that what `recvfrom` tells the member as sender's address is twelve bytes long like a netlink
//! address, with zeros where a netlink address has the port id: clients take that for "from the kernel".

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, send as send_raw,
    socketpair, sockopt,
};
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// What is asked of the kernel as send buffer of the server end, in bytes; the kernel doubles it for its own
/// bookkeeping. A record of some hundred bytes is charged about 1,280, so this is room for more than 3,000 of them.
pub const SERVER_SEND_BUFFER: usize = 2 * 1024 * 1024;

/// Attempts to find a free name before giving up: with 40 random bits even a second one is rare.
const NAME_ATTEMPTS: usize = 16;

/// Both ends of a connection between a member and the supervisor, close-on-exec here.
#[derive(Debug)]
pub struct EndpointPair {
    /// The supervisor's end: never blocks, delivers credentials with each message.
    pub server: OwnedFd,
    /// The member's end, to be injected and then dropped.
    pub client: OwnedFd,
}

/// Makes a pair. `nonblocking` is the mode of the client end, as the member asked for it.
///
/// The client's buffers stay at the system's default, so that the size at which a message gets `EMSGSIZE` stays the
/// system's own. The server's send buffer is raised to [`SERVER_SEND_BUFFER`], or as far as
/// `net.core.wmem_max` allows without `CAP_NET_ADMIN`.
///
/// # Errors
/// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOBUFS` from making sockets; `EADDRINUSE` if no free name was found, which means
/// that somebody fills the abstract name space of this network namespace.
pub fn endpoint_pair(nonblocking: bool) -> io::Result<EndpointPair> {
    let (server, client) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    if !nonblocking {
        rustix::io::ioctl_fionbio(&client, false)?;
    }
    bind_to_free_name(&server)?;
    sockopt::set_socket_passcred(&server, true)?;
    if sockopt::set_socket_send_buffer_size_force(&server, SERVER_SEND_BUFFER).is_err() {
        sockopt::set_socket_send_buffer_size(&server, SERVER_SEND_BUFFER)?;
    }
    Ok(EndpointPair { server, client })
}

fn bind_to_free_name(server: &OwnedFd) -> io::Result<()> {
    for _ in 0..NAME_ATTEMPTS {
        let mut random = [0; 5];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        match bind(server, &SocketAddrUnix::new_abstract_name(&abstract_name(random))?) {
            Ok(()) => return Ok(()),
            Err(Errno::ADDRINUSE) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::ADDRINUSE.into())
}

/// The nine bytes after the zero that marks an abstract name. In a `struct sockaddr_nl` they are: one byte of padding,
/// four of port id, four of groups.
fn abstract_name(random: [u8; 5]) -> [u8; 9] {
    let [padding, groups @ ..] = random;
    let mut name = [0; 9];
    name[0] = padding;
    name[5..].copy_from_slice(&groups);
    name
}

/// Who sent a message, as the kernel attests it: ids in this process's namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Thread-group id; 0 if the sender is not visible in this pid namespace.
    pub pid: u32,
    /// Real user id; the overflow id if it is not mapped here.
    pub uid: u32,
    /// Real group id; the overflow id if it is not mapped here.
    pub gid: u32,
}

/// Outcome of a receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// One message; its beginning is in the buffer.
    Message {
        /// The message's own length, which may exceed the buffer's. May be 0.
        length: usize,
        /// The message was longer than the buffer and its end is lost.
        truncated: bool,
        /// The sender.
        credentials: Credentials,
    },
    /// The other end is closed in every process.
    Closed,
    /// Nothing waits.
    WouldBlock,
}

/// Outcome of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The message waits in the receiver's queue.
    Sent,
    /// The queue is full; try again when the descriptor is writable.
    WouldBlock,
    /// The other end is closed in every process.
    Closed,
}

/// Room for exactly one `SCM_CREDENTIALS` message, laid out as the kernel writes it (`struct cmsghdr`, `struct ucred`).
/// There is none for descriptors, so the kernel drops those that a member attaches before they become ours.
#[repr(C)]
#[derive(Default)]
struct Control {
    length: usize,
    level: libc::c_int,
    kind: libc::c_int,
    pid: libc::pid_t,
    uid: libc::uid_t,
    gid: libc::gid_t,
}

/// Takes one message off a server end, without blocking.
///
/// A message of length 0 and the end of the connection both read as 0 bytes; the kernel attaches credentials to the
/// one and not to the other.
///
/// # Errors
/// Those of `recvmsg(2)` other than `EAGAIN`, `EINTR` and `ECONNRESET`.
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut control = Control::default();
    let mut vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: msghdr is a C structure of integers and pointers, for which all zeros is a valid value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    // C libraries differ in the width of this field.
    #[allow(clippy::cast_possible_truncation, reason = "the size is 32")]
    {
        message.msg_controllen = size_of::<Control>() as _;
    }
    let flags = RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let flags = flags.bits().cast_signed();
    // SAFETY: buffer and control structure are live, exclusively borrowed and as long as the header says.
    let length = unsafe { libc::recvmsg(fd.as_fd().as_raw_fd(), &raw mut message, flags) };
    let Ok(length) = usize::try_from(length) else {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(Received::WouldBlock),
            Some(libc::ECONNRESET) => Ok(Received::Closed),
            _ => Err(error),
        };
    };
    let attested = control.level == libc::SOL_SOCKET
        && control.kind == libc::SCM_CREDENTIALS
        && control.length == mem::offset_of!(Control, gid) + size_of::<libc::gid_t>();
    if !attested {
        return Ok(Received::Closed);
    }
    let Control { pid, uid, gid, .. } = control;
    let credentials = Credentials { pid: u32::try_from(pid).unwrap_or(0), uid, gid };
    Ok(Received::Message { length, truncated: length > buffer.len(), credentials })
}

/// Sends one message on a server end, whole or not at all, without blocking and without `SIGPIPE`.
///
/// # Errors
/// `EMSGSIZE` if the message exceeds the whole send buffer, and the other errors of `send(2)`.
pub fn send(fd: impl AsFd, message: &[u8]) -> io::Result<Sent> {
    match send_raw(fd, message, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Ok(_) => Ok(Sent::Sent),
        Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => Ok(Sent::WouldBlock),
        Err(Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN) => Ok(Sent::Closed),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
