//! The sockets that members get in place of audit sockets.
//!
//! A member holds the client end of an `AF_UNIX` `SOCK_SEQPACKET` pair. The server end is bound to an abstract name of
//! ten bytes, so that what `recvfrom` tells the member as sender's address is twelve bytes long like a netlink
//! address, with zeros where a netlink address has the port id: clients take that for "from the kernel".

mod nobody;

use crate::{descriptors, raw};
use nobody::Nobody;
use rustix::io::{Errno, IoSlice};
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, UCred, bind, sendmsg,
    sockopt,
};
use rustix::process::{Gid, Pid, Uid, getgid, getuid};
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::OnceLock;

/// What [`raise_send_buffer`] asks of the kernel, in bytes; the kernel doubles it for its own bookkeeping. A record of
/// some hundred bytes is charged about 1,280, so this is room for more than 3,000 of them.
pub const RAISED_SEND_BUFFER: usize = 2 * 1024 * 1024;

/// What [`lower_send_buffer`] asks of the kernel, in bytes, doubled as well: room for some fifty answers, and for one of
/// up to 64 KiB.
pub const LOWERED_SEND_BUFFER: usize = 32 * 1024;

/// `SO_PASSRIGHTS`, the same on every architecture of [`crate::arch`].
const SO_PASSRIGHTS: libc::c_int = 83;

/// Attempts to find a free name before giving up: with 40 random bits even a second one is rare.
const NAME_ATTEMPTS: usize = 16;

/// Whom the kernel names to a member as the sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentBy {
    /// A process that has ended.
    Nobody(libc::pid_t),
    /// This process, which may name no other: it has no `CAP_SYS_ADMIN` over its pid namespace.
    Supervisor,
}

/// Both ends of a connection between a member and the supervisor, close-on-exec here.
#[derive(Debug)]
pub struct EndpointPair {
    /// The supervisor's end: never blocks, delivers credentials with each message.
    pub server: OwnedFd,
    /// The member's end, to be injected and then dropped. It blocks.
    pub client: OwnedFd,
    /// Inode number of the member's end.
    pub inode: u64,
    /// The kernel refuses descriptors sent to the server end (Linux 6.16). Where it does not, ask [`carries_descriptors`]
    /// before each [`receive`].
    pub refuses_descriptors: bool,
    /// To be given to [`send`].
    pub sent_by: SentBy,
}

impl EndpointPair {
    /// Has calls on the member's end not wait.
    ///
    /// # Errors
    /// None is expected.
    pub fn set_nonblocking(&self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(&self.client, true)?)
    }
}

/// Makes pairs.
#[derive(Debug)]
pub struct Endpoints {
    nobody: Option<Nobody>,
    /// Where pairs are made; in the own network namespace without `CAP_SYS_ADMIN`.
    network: Option<OwnedFd>,
}

impl Endpoints {
    /// The most pairs that are made at a time.
    pub const AT_A_TIME: usize = nobody::BATCH;

    /// Looks which ways there are here.
    pub fn new() -> Endpoints {
        let nobody = Nobody::new().ok().filter(|nobody| may_name(nobody.pid()));
        Endpoints { nobody, network: nobody::network().ok() }
    }

    /// Whom members see as the sender of what is sent to them.
    pub fn sent_by(&self) -> SentBy {
        self.nobody.as_ref().map_or(SentBy::Supervisor, |nobody| SentBy::Nobody(nobody.pid()))
    }

    /// Makes pairs: so many, at most [`Self::AT_A_TIME`], or as many as there are descriptors for, at least one.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`, `ENOBUFS` from making sockets, `EAGAIN` from making the process that makes them;
    /// `EADDRINUSE` if no free name was found, which means that somebody fills the abstract name space of this network
    /// namespace.
    pub fn make(&self, count: usize) -> io::Result<Vec<EndpointPair>> {
        let mut pairs = Vec::with_capacity(count);
        for (server, client) in nobody::pairs(self.network.as_ref(), count)? {
            match endpoint_pair(server, client, self.sent_by()) {
                Ok(pair) => pairs.push(pair),
                Err(error) if pairs.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(pairs)
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether the kernel lets this process name another one as the sender of a message.
fn may_name(pid: libc::pid_t) -> bool {
    let Ok(pairs) = nobody::pairs(None, 1) else { return false };
    pairs.first().is_some_and(|(one, _)| send(one, b"?", SentBy::Nobody(pid)).is_ok())
}

/// Makes a pair of two ends.
///
/// The buffers stay at the system's default: the client's so that the size at which a message gets `EMSGSIZE` stays the
/// system's own, the server's because it bounds the kernel memory that a member ties up by reading no answers.
///
/// # Errors
/// See [`Endpoints::make`].
fn endpoint_pair(server: OwnedFd, client: OwnedFd, sent_by: SentBy) -> io::Result<EndpointPair> {
    rustix::io::ioctl_fionbio(&client, false)?;
    bind_to_free_name(&server)?;
    sockopt::set_socket_passcred(&server, true)?;
    let refuses_descriptors = refuse_descriptors(&server);
    let inode = descriptors::inode(&client)?;
    Ok(EndpointPair { server, client, inode, refuses_descriptors, sent_by })
}

/// Makes room for [`RAISED_SEND_BUFFER`] on a server end, or for as much as `net.core.wmem_max` allows without
/// `CAP_NET_ADMIN`: for the socket of an audit daemon, which may be busy for a while.
///
/// # Errors
/// None is expected.
pub fn raise_send_buffer(server: impl AsFd) -> io::Result<()> {
    let server = server.as_fd();
    if sockopt::set_socket_send_buffer_size_force(server, RAISED_SEND_BUFFER).is_err() {
        sockopt::set_socket_send_buffer_size(server, RAISED_SEND_BUFFER)?;
    }
    Ok(())
}

/// Leaves room for [`LOWERED_SEND_BUFFER`] on a server end, where there are many.
///
/// # Errors
/// None is expected.
pub fn lower_send_buffer(server: impl AsFd) -> io::Result<()> {
    Ok(sockopt::set_socket_send_buffer_size(server.as_fd(), LOWERED_SEND_BUFFER)?)
}

/// `SO_PASSRIGHTS` off. Returns whether the kernel knows it.
fn refuse_descriptors(server: &OwnedFd) -> bool {
    let off: libc::c_int = 0;
    let length = libc::socklen_t::try_from(size_of_val(&off)).unwrap_or(0);
    let value = (&raw const off).cast();
    // SAFETY: the value is a live integer of the length given.
    let set = unsafe { libc::setsockopt(server.as_raw_fd(), libc::SOL_SOCKET, SO_PASSRIGHTS, value, length) };
    set == 0
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
/// There is none for descriptors, so those that a member attaches never become ours.
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

/// Bytes of [`Control`].
pub(crate) const CONTROL_LENGTH: usize = size_of::<Control>();

impl Control {
    /// Whom the kernel attests, if it does.
    fn sender(&self) -> Option<Credentials> {
        let attested = self.level == libc::SOL_SOCKET
            && self.kind == libc::SCM_CREDENTIALS
            && self.length == mem::offset_of!(Control, gid) + size_of::<libc::gid_t>();
        attested.then(|| Credentials {
            pid: u32::try_from(self.pid).unwrap_or(0),
            uid: self.uid,
            gid: self.gid,
        })
    }
}

/// Takes one message off a server end, without blocking.
///
/// A message of length 0 and the end of the connection both read as 0 bytes; the kernel attaches credentials to the
/// one and not to the other. Where the other end was closed with answers unread, the kernel says so once
/// (`ECONNRESET`) before it hands out what that end had sent; such messages count like all others.
///
/// # Errors
/// Those of `recvmsg(2)` other than `EAGAIN`, `EINTR` and `ECONNRESET`.
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let fd = fd.as_fd();
    received(buffer.len(), || receive_raw(fd, buffer, RecvFlags::empty()))
}

/// As [`receive`], into a place that nobody else uses: `struct mmsghdr`, control message, and so many bytes of room. The
/// kernel notes the message's length in it; see [`crate::shared`].
pub(crate) fn receive_noting(fd: BorrowedFd<'_>, place: NonNull<u8>, room: usize) -> io::Result<Received> {
    received(room, || receive_noting_once(fd, place, room))
}

fn received(room: usize, mut receive: impl FnMut() -> io::Result<Arrived>) -> io::Result<Received> {
    let mut outcome = receive();
    if outcome.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ECONNRESET)) {
        outcome = receive();
    }
    match outcome {
        Ok(Arrived { length, sender: Some(credentials), .. }) => {
            Ok(Received::Message { length, truncated: length > room, credentials })
        }
        Ok(Arrived { sender: None, .. }) => Ok(Received::Closed),
        Err(error) => match error.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(Received::WouldBlock),
            Some(libc::ECONNRESET) => Ok(Received::Closed),
            _ => Err(error),
        },
    }
}

fn receive_noting_once(fd: BorrowedFd<'_>, place: NonNull<u8>, room: usize) -> io::Result<Arrived> {
    // SAFETY: the caller vouches for the length of the place.
    let control = unsafe { place.add(size_of::<libc::mmsghdr>()) };
    // SAFETY: as above.
    let data = unsafe { control.add(CONTROL_LENGTH) };
    let mut vector = libc::iovec { iov_base: data.as_ptr().cast(), iov_len: room };
    // SAFETY: msghdr is a C structure of integers and pointers, for which all zeros is a valid value.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = control.as_ptr().cast();
    header.msg_controllen = CONTROL_LENGTH as _;
    let message = place.cast::<libc::mmsghdr>();
    // SAFETY: the place is aligned and long enough, and nobody else's.
    unsafe { message.write(libc::mmsghdr { msg_hdr: header, msg_len: u32::MAX }) };
    let flags = RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let flags = flags.bits().cast_signed();
    // SAFETY: one header, whose vector, control and data are live and as long as it says. There is no time limit.
    let count =
        unsafe { libc::recvmmsg(fd.as_raw_fd(), message.as_ptr(), 1, flags as _, std::ptr::null_mut()) };
    if count != 1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has written a valid header back.
    let message = unsafe { message.read() };
    let control = {
        // SAFETY: the place is long enough for a Control, of integers only; it may be unaligned for the compiler's taste.
        unsafe { control.cast::<Control>().read_unaligned() }
    };
    Ok(Arrived {
        length: message.msg_len as usize,
        control_truncated: message.msg_hdr.msg_flags & libc::MSG_CTRUNC != 0,
        sender: control.sender(),
    })
}

/// The message that [`receive_noting`] has noted: its own length and its sender.
pub(crate) fn noted(bytes: &[u8]) -> Option<(usize, Credentials)> {
    let half = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    let length = half(mem::offset_of!(libc::mmsghdr, msg_len))?;
    if length == u32::MAX {
        return None;
    }
    let control = size_of::<libc::mmsghdr>();
    let signed = |at: usize| Some(half(control + at)?.cast_signed());
    let word = u64::from_ne_bytes(*bytes.get(control..)?.first_chunk()?);
    let found = Control {
        length: usize::try_from(word).ok()?,
        level: signed(mem::offset_of!(Control, level))?,
        kind: signed(mem::offset_of!(Control, kind))?,
        pid: signed(mem::offset_of!(Control, pid))?,
        uid: half(control + mem::offset_of!(Control, uid))?,
        gid: half(control + mem::offset_of!(Control, gid))?,
    };
    Some((length as usize, found.sender()?))
}

/// Whether the member's end holds something that it has not received: something that was sent here is not freed yet.
pub fn has_unread(fd: impl AsFd) -> bool {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ, of sockets SIOCOUTQ, writes an int.
    unsafe { raw::ioctl_structure(fd.as_fd(), libc::TIOCOUTQ, &mut bytes) }.is_ok() && bytes > 0
}

/// Whether the next message brings descriptors along, which no audit client does.
///
/// To receive such a message, or to close a server end where one waits, is to close those descriptors, and that can
/// block for as long as whoever sent them likes: a connection with `SO_LINGER`, a file of a file system that the member
/// serves. So it is nothing for a thread that others wait for.
pub fn carries_descriptors(fd: impl AsFd) -> bool {
    // The kernel says that it had no room for them.
    receive_raw(fd.as_fd(), &mut [], RecvFlags::PEEK).is_ok_and(|arrived| arrived.control_truncated)
}

/// What `recvmsg(2)` returned.
struct Arrived {
    length: usize,
    control_truncated: bool,
    sender: Option<Credentials>,
}

fn receive_raw(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> io::Result<Arrived> {
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
    let flags = flags | RecvFlags::TRUNC | RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let flags = flags.bits().cast_signed();
    // SAFETY: buffer and control structure are live, exclusively borrowed and as long as the header says.
    let length = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, flags) };
    let Ok(length) = usize::try_from(length) else { return Err(io::Error::last_os_error()) };
    let control_truncated = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok(Arrived { length, control_truncated, sender: control.sender() })
}

/// Sends one message on a server end, whole or not at all, without blocking and without `SIGPIPE`.
///
/// # Errors
/// `EMSGSIZE` if the message exceeds the whole send buffer, and the other errors of `sendmsg(2)`.
pub fn send(fd: impl AsFd, message: &[u8], sent_by: SentBy) -> io::Result<Sent> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if let SentBy::Nobody(pid) = sent_by
        && let Some(pid) = Pid::from_raw(pid)
    {
        let (uid, gid) = own_ids();
        control.push(SendAncillaryMessage::ScmCredentials(UCred { pid, uid, gid }));
    }
    match sendmsg(fd, &[IoSlice::new(message)], &mut control, flags) {
        Ok(_) => Ok(Sent::Sent),
        Err(errno) => not_sent(errno),
    }
}

/// The ids of this process, which change none of its own.
fn own_ids() -> (Uid, Gid) {
    static IDS: OnceLock<(Uid, Gid)> = OnceLock::new();
    *IDS.get_or_init(|| (getuid(), getgid()))
}

fn not_sent(errno: Errno) -> io::Result<Sent> {
    match errno {
        Errno::AGAIN | Errno::INTR | Errno::NOBUFS => Ok(Sent::WouldBlock),
        Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Ok(Sent::Closed),
        errno => Err(errno.into()),
    }
}

/// As [`send`]. The kernel notes in a place that nobody else uses that the message was sent; see [`crate::shared`].
pub(crate) fn send_noting(
    fd: BorrowedFd<'_>,
    message: &[u8],
    sent_by: SentBy,
    place: NonNull<libc::mmsghdr>,
) -> io::Result<Sent> {
    let mut control;
    let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
    // SAFETY: msghdr is a C structure of integers and pointers, for which all zeros is a valid value.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    if let SentBy::Nobody(pid) = sent_by {
        let (uid, gid) = own_ids();
        control = Control {
            length: mem::offset_of!(Control, gid) + size_of::<libc::gid_t>(),
            level: libc::SOL_SOCKET,
            kind: libc::SCM_CREDENTIALS,
            pid,
            uid: uid.as_raw(),
            gid: gid.as_raw(),
        };
        header.msg_control = (&raw mut control).cast();
        header.msg_controllen = CONTROL_LENGTH as _;
    }
    // SAFETY: the place is aligned and long enough, and nobody else's.
    unsafe { place.write(libc::mmsghdr { msg_hdr: header, msg_len: u32::MAX }) };
    let flags = (SendFlags::NOSIGNAL | SendFlags::DONTWAIT).bits().cast_signed();
    // SAFETY: one header, whose vector and control are live; the kernel writes nothing but the length.
    let count = unsafe { libc::sendmmsg(fd.as_raw_fd(), place.as_ptr(), 1, flags as _) };
    if count == 1 {
        return Ok(Sent::Sent);
    }
    not_sent(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

#[cfg(test)]
mod tests;
