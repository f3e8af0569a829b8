//! Members for tests: threads below a real filter, in this process.
//!
//! A filter belongs to a thread and to what it forks, so no test needs a process of its own to be stopped by one.

use crate::endpoint::{EndpointPair, Endpoints};
use crate::filter::{self, FilterOptions};
use crate::launch::install;
use crate::listener::{Listener, Notification};
use std::os::fd::AsFd;
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

/// Longer than any step of a test takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `member` in a thread below the filter and `supervisor` beside it with the listener. Returns what both return.
///
/// If the supervisor panics, its listener closes and the member's calls fail, so that the test ends.
pub(crate) fn below_filter<M: Send, S>(
    options: FilterOptions,
    member: impl FnOnce() -> M + Send,
    supervisor: impl FnOnce(Listener) -> S,
) -> (M, S) {
    let program = filter::assemble(&filter::rules(&options)).unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let member = scope.spawn(move || {
            rustix::thread::set_no_new_privs(true).unwrap();
            let (fd, _) = install(&program).unwrap();
            sender.send(Listener::from(fd)).unwrap();
            drop(sender);
            member()
        });
        let served = supervisor(receiver.recv().unwrap());
        (member.join().unwrap(), served)
    })
}

/// Waits for the next notification.
pub(crate) fn next(listener: &Listener) -> Notification {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(notification) = listener.receive().unwrap() {
            return notification;
        }
        assert!(Instant::now() < end, "no notification came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a condition holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A system call as a member makes it: the result, or the error number negated.
pub(crate) fn call(number: libc::c_long, arguments: [u64; 3]) -> i64 {
    let [first, second, third] = arguments;
    // SAFETY: the tests pass calls whose arguments are numbers or null.
    let result = unsafe { libc::syscall(number, first, second, third) };
    if result < 0 { -i64::from(last_errno()) } else { result }
}

/// The error number of the last call of this thread.
pub(crate) fn last_errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// `socket(AF_NETLINK, kind, NETLINK_AUDIT)`, with the result of [`call`].
pub(crate) fn audit_socket(kind: i32) -> i64 {
    call(libc::SYS_socket, [16, u64::from(kind.cast_unsigned()), 9])
}

/// Forks. The child runs `body`, which must only make system calls, and exits with the number that it returns; the
/// parent gets the child's id.
pub(crate) fn fork(body: impl FnOnce() -> i32) -> u32 {
    // SAFETY: the child only runs `body`, which by contract neither allocates nor locks.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = body();
        // SAFETY: ends the child at once, without the cleaning up that belongs to its parent.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork failed");
    pid.cast_unsigned()
}

/// Waits for a child: its exit code, or the negated number of the signal that ended it.
pub(crate) fn wait(pid: u32) -> i32 {
    let mut status = 0;
    // SAFETY: the pointer names a live integer.
    let waited = unsafe { libc::waitpid(pid.cast_signed(), &raw mut status, 0) };
    assert_eq!(waited, pid.cast_signed());
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}

/// Sends a signal to a process that the test started.
pub(crate) fn signal(pid: u32, signal: i32) {
    assert_eq!(
        call(libc::SYS_kill, [u64::from(pid), u64::from(signal.cast_unsigned()), 0]),
        0,
        "signal {signal}"
    );
}

/// Takes a capability (by number) from the calling thread; the test needs root only to have it in the first place.
pub(crate) fn drop_capability(number: u32) {
    let mut sets = rustix::thread::capabilities(None).unwrap();
    let keep = rustix::thread::CapabilitySet::from_bits_retain(!(1 << number));
    sets.effective &= keep;
    sets.permitted &= keep;
    rustix::thread::set_capabilities(None, sets).unwrap();
}

/// Flags of a descriptor: close-on-exec, and non-blocking.
pub(crate) fn flags_of(fd: impl AsFd) -> (bool, bool) {
    (
        rustix::io::fcntl_getfd(&fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC),
        rustix::fs::fcntl_getfl(&fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK),
    )
}

/// A pair whose messages name a process that has ended, as long as this process lives.
pub(crate) fn endpoint_pair(nonblocking: bool) -> EndpointPair {
    static ENDPOINTS: LazyLock<Endpoints> = LazyLock::new(Endpoints::new);
    let pair = ENDPOINTS.make(1).unwrap().remove(0);
    if nonblocking {
        pair.set_nonblocking().unwrap();
    }
    pair
}
