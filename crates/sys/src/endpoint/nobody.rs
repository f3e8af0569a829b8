//! Processes that have ended, to stand where the kernel would name this one.
//!
//! A member can ask the kernel for a handle (pidfd) of whoever made the pair of which it holds one end (`SO_PEERPIDFD`)
//! and of whoever sent it a message (`SO_PASSPIDFD`), whatever pid namespaces lie between. With a handle of the supervisor
//! and `CAP_SYS_PTRACE` it could take the supervisor's descriptors. So pairs are made by a process that has ended, and
//! messages name one as their sender.
//!
//! A socket belongs to the network namespace in which it was made, and its holder can ask for that too (`SIOCGSKNS`), or
//! take abstract names there. So pairs are made in a network namespace of their own, where nothing else is.

use crate::raw;
use rustix::io::Errno;
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The child makes a few system calls on it and nothing else.
const STACK: usize = 64 * 1024;

/// Pairs made at a time at most, so that starting a process costs little for each.
pub(super) const BATCH: usize = 16;

/// Both ends of a pair, close-on-exec and not blocking.
pub(super) type Ends = (OwnedFd, OwnedFd);

/// A process that has ended and is not waited for: its number stays taken, and a handle of it is good for nothing.
#[derive(Debug)]
pub(super) struct Nobody(libc::pid_t);

impl Nobody {
    pub(super) fn new() -> io::Result<Nobody> {
        start(&mut (), end, 0).map(Nobody)
    }

    pub(super) fn pid(&self) -> libc::pid_t {
        self.0
    }
}

impl Drop for Nobody {
    fn drop(&mut self) {
        let _ = wait(self.0);
    }
}

/// A network namespace where nothing is.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` in the own user namespace.
pub(super) fn network() -> io::Result<OwnedFd> {
    let mut network = Network { fd: -1, errno: libc::EAGAIN };
    let child = start(&mut network, leave_network, libc::CLONE_FILES)?;
    wait(child)?;
    if network.fd < 0 {
        return Err(io::Error::from_raw_os_error(network.errno));
    }
    // SAFETY: the child has just opened the descriptor in the table that it shared, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(network.fd) })
}

/// Makes pairs in this network namespace, or in the own one: so many, at most [`BATCH`], or as many as there are
/// descriptors for, at least one.
pub(super) fn pairs(network: Option<&OwnedFd>, count: usize) -> io::Result<Vec<Ends>> {
    let network = network.map_or(-1, AsRawFd::as_raw_fd);
    let mut made = Made { network, count, pairs: [[-1; 2]; BATCH], errno: libc::EAGAIN };
    let child = start(&mut made, make, libc::CLONE_FILES)?;
    wait(child)?;
    // SAFETY: the child has just made the descriptors in the table that it shared, and nobody else knows them.
    let own = |number| unsafe { OwnedFd::from_raw_fd(number) };
    let made_pairs = made.pairs.into_iter().filter(|[one, _]| *one >= 0);
    let ends: Vec<Ends> = made_pairs.map(|[one, other]| (own(one), own(other))).collect();
    if ends.is_empty() { Err(io::Error::from_raw_os_error(made.errno)) } else { Ok(ends) }
}

/// What the child leaves.
struct Network {
    fd: RawFd,
    /// Why there is none; `EAGAIN` if the child was killed before it could say.
    errno: libc::c_int,
}

/// Enters a new network namespace and opens it. Runs in the child, with its parent's memory.
extern "C" fn leave_network(network: *mut c_void) -> libc::c_int {
    // SAFETY: the parent passes a `Network` that it does not touch before the child has let go of it.
    let network = unsafe { &mut *network.cast::<Network>() };
    // SAFETY: takes a number and changes the child alone.
    let left = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if left == 0 {
        // SAFETY: the path is a string that ends with a zero.
        network.fd = unsafe { libc::open(c"/proc/self/ns/net".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    }
    network.errno = errno();
    0
}

/// What the child gets and leaves.
struct Made {
    /// Where to make pairs; -1 for the own network namespace.
    network: RawFd,
    count: usize,
    pairs: [[RawFd; 2]; BATCH],
    /// Why there are no more; as in [`Network`].
    errno: libc::c_int,
}

/// Makes pairs until it cannot. Runs in the child, with its parent's memory.
extern "C" fn make(made: *mut c_void) -> libc::c_int {
    // SAFETY: the parent passes a `Made` that it does not touch before the child has let go of it.
    let made = unsafe { &mut *made.cast::<Made>() };
    // SAFETY: takes numbers and changes the child alone.
    if made.network >= 0 && unsafe { libc::setns(made.network, libc::CLONE_NEWNET) } < 0 {
        made.errno = errno();
        return 0;
    }
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    for pair in made.pairs.iter_mut().take(made.count) {
        // SAFETY: the pointer names room for two descriptors.
        if unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) } < 0 {
            *pair = [-1; 2];
            made.errno = errno();
            break;
        }
    }
    0
}

/// The error number of the last call.
fn errno() -> libc::c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EMFILE)
}

extern "C" fn end(_: *mut c_void) -> libc::c_int {
    0
}

/// Starts a process that runs `body` on the memory of this one (and with `CLONE_FILES` on its descriptors) while the
/// calling thread waits, and returns once it uses this memory no more because it ends. It sends no signal when it does.
fn start<T>(
    argument: &mut T,
    body: extern "C" fn(*mut c_void) -> libc::c_int,
    flags: libc::c_int,
) -> io::Result<libc::pid_t> {
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let top = stack.as_mut_ptr_range().end;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | flags;
    let argument = std::ptr::from_mut(argument);
    // SAFETY: the stack is live, aligned and used by nobody else; with CLONE_VFORK this thread does nothing before the
    // child has let go of the memory. The body makes system calls only, takes no lock and allocates nothing, and the argument is what it
    // expects: `start` is called with a matching pair in this file alone.
    raw::check(unsafe { libc::clone(body, top.cast(), flags, argument.cast()) })
}

/// Waits for a process that was started here.
fn wait(child: libc::pid_t) -> io::Result<()> {
    loop {
        let mut status = 0;
        // SAFETY: the pointer names a live integer.
        match raw::check(unsafe { libc::waitpid(child, &raw mut status, libc::__WALL) }) {
            Ok(_) => return Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::INTR.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
}
