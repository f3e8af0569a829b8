//! Every raw call of this crate, and its only unsafe code. Socket calls take addresses and option values as plain
//! bytes, because a referee must be able to pass lengths and contents that no typed interface lets through.

#![allow(unsafe_code, reason = "a referee shares no code with what it judges")]

use std::os::fd::RawFd;

/// An errno value as the kernel numbers it.
pub(crate) type Errno = i32;

fn last_errno() -> Errno {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

fn checked(ret: i64) -> Result<i64, Errno> {
    if ret < 0 { Err(last_errno()) } else { Ok(ret) }
}

fn socklen(len: usize) -> libc::socklen_t {
    libc::socklen_t::try_from(len).unwrap_or(libc::socklen_t::MAX)
}

/// `socket(2)`.
pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> Result<RawFd, Errno> {
    // SAFETY: takes three integers and returns a descriptor or -1.
    let fd = unsafe { libc::socket(family, kind, protocol) };
    checked(i64::from(fd)).map(|_| fd)
}

/// `close(2)`.
pub(crate) fn close(fd: RawFd) -> Result<i64, Errno> {
    // SAFETY: the number comes from `socket` in this process and is forgotten by its owner before this call.
    checked(i64::from(unsafe { libc::close(fd) }))
}

/// Closes every descriptor in `first..=last`; used by a fresh child that keeps only its own channel.
pub(crate) fn close_range(first: u32, last: u32) {
    if first <= last {
        // SAFETY: closes descriptors of the calling process; the child never uses or drops their former owners.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}

/// `bind(2)` with the address given byte by byte.
pub(crate) fn bind(fd: RawFd, addr: &[u8]) -> Result<i64, Errno> {
    // SAFETY: the pointer and length describe the slice, which the kernel only reads.
    checked(i64::from(unsafe { libc::bind(fd, addr.as_ptr().cast(), socklen(addr.len())) }))
}

/// `connect(2)` with the address given byte by byte.
pub(crate) fn connect(fd: RawFd, addr: &[u8]) -> Result<i64, Errno> {
    // SAFETY: the pointer and length describe the slice, which the kernel only reads.
    checked(i64::from(unsafe { libc::connect(fd, addr.as_ptr().cast(), socklen(addr.len())) }))
}

/// Bytes that the name and option calls may return at most.
const NAME_SPACE: usize = 64;

type NameCall = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn name(call: NameCall, fd: RawFd, cap: usize) -> Result<(usize, Vec<u8>), Errno> {
    let mut space = [0xaa_u8; NAME_SPACE];
    let mut len = socklen(cap.min(NAME_SPACE));
    // SAFETY: the buffer has NAME_SPACE bytes and `len` says at most that.
    let ret = unsafe { call(fd, space.as_mut_ptr().cast(), &raw mut len) };
    checked(i64::from(ret))?;
    let len = len as usize;
    Ok((len, space[..len.min(cap).min(NAME_SPACE)].to_vec()))
}

/// `getsockname(2)` with room for `cap` bytes: the length the kernel reports, and the bytes.
pub(crate) fn getsockname(fd: RawFd, cap: usize) -> Result<(usize, Vec<u8>), Errno> {
    name(libc::getsockname, fd, cap)
}

/// `getpeername(2)` with room for `cap` bytes.
pub(crate) fn getpeername(fd: RawFd, cap: usize) -> Result<(usize, Vec<u8>), Errno> {
    name(libc::getpeername, fd, cap)
}

/// `setsockopt(2)`.
pub(crate) fn setsockopt(fd: RawFd, level: i32, option: i32, value: &[u8]) -> Result<i64, Errno> {
    // SAFETY: the pointer and length describe the slice, which the kernel only reads.
    let ret = unsafe { libc::setsockopt(fd, level, option, value.as_ptr().cast(), socklen(value.len())) };
    checked(i64::from(ret))
}

/// `getsockopt(2)` with room for `cap` bytes.
pub(crate) fn getsockopt(fd: RawFd, level: i32, option: i32, cap: usize) -> Result<(usize, Vec<u8>), Errno> {
    let mut space = [0xaa_u8; NAME_SPACE];
    let mut len = socklen(cap.min(NAME_SPACE));
    // SAFETY: the buffer has NAME_SPACE bytes and `len` says at most that.
    let ret = unsafe { libc::getsockopt(fd, level, option, space.as_mut_ptr().cast(), &raw mut len) };
    checked(i64::from(ret))?;
    let len = len as usize;
    Ok((len, space[..len.min(cap).min(NAME_SPACE)].to_vec()))
}

/// `listen(2)` with a queue of one.
pub(crate) fn listen(fd: RawFd) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    checked(i64::from(unsafe { libc::listen(fd, 1) }))
}

/// `shutdown(2)`.
pub(crate) fn shutdown(fd: RawFd, how: i32) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    checked(i64::from(unsafe { libc::shutdown(fd, how) }))
}

/// `sendto(2)`; `None` is a send without an address.
pub(crate) fn sendto(fd: RawFd, data: &[u8], addr: Option<&[u8]>) -> Result<i64, Errno> {
    let (to, len) = addr.map_or((std::ptr::null(), 0), |a| (a.as_ptr(), socklen(a.len())));
    // MSG_NOSIGNAL: a refused endpoint is an answer to record, not a reason to die.
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: both pointers describe slices (or are null with length 0) that the kernel only reads.
    let ret = unsafe { libc::sendto(fd, data.as_ptr().cast(), data.len(), flags, to.cast(), len) };
    checked(ret as i64)
}

/// `write(2)`.
pub(crate) fn write(fd: RawFd, data: &[u8]) -> Result<i64, Errno> {
    // SAFETY: the pointer and length describe the slice, which the kernel only reads.
    checked(unsafe { libc::write(fd, data.as_ptr().cast(), data.len()) } as i64)
}

/// What one `recvmsg(2)` returned.
pub(crate) struct Received {
    /// The bytes that fitted into the buffer.
    pub(crate) data: Vec<u8>,
    /// The return value, which exceeds the buffer with `MSG_TRUNC`.
    pub(crate) len: usize,
    /// The sender's address.
    pub(crate) from: Vec<u8>,
    /// `msg_flags`.
    pub(crate) flags: i32,
    /// Control messages: level, type, data.
    pub(crate) control: Vec<(i32, i32, Vec<u8>)>,
}

/// `recvmsg(2)` without blocking.
pub(crate) fn recvmsg(fd: RawFd, space: usize, flags: i32) -> Result<Received, Errno> {
    let mut data = vec![0_u8; space];
    let mut from = [0_u8; NAME_SPACE];
    let mut control = [0_u8; 512];
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
    // SAFETY: msghdr is a C struct of integers and pointers, for which all zeros is a valid value.
    let mut head: libc::msghdr = unsafe { std::mem::zeroed() };
    head.msg_name = from.as_mut_ptr().cast();
    head.msg_namelen = socklen(from.len());
    head.msg_iov = &raw mut part;
    head.msg_iovlen = 1;
    head.msg_control = control.as_mut_ptr().cast();
    head.msg_controllen = control.len() as _;
    // SAFETY: every pointer in the header describes a live buffer of the length beside it.
    let len = checked(unsafe { libc::recvmsg(fd, &raw mut head, flags | libc::MSG_DONTWAIT) } as i64)?;
    let len = usize::try_from(len).unwrap_or(0);
    data.truncate(len);
    let from = from[..(head.msg_namelen as usize).min(NAME_SPACE)].to_vec();
    let used = (head.msg_controllen as usize).min(control.len());
    Ok(Received { data, len, from, flags: head.msg_flags, control: control_messages(&control[..used]) })
}

/// Splits a control buffer at its headers (a native size, level and type) without pointer arithmetic.
fn control_messages(mut rest: &[u8]) -> Vec<(i32, i32, Vec<u8>)> {
    const WORD: usize = size_of::<usize>();
    const HEAD: usize = WORD + 8;
    let mut out = Vec::new();
    while let (Some(size), Some(level), Some(kind)) =
        (rest.first_chunk::<WORD>(), rest.get(WORD..WORD + 4), rest.get(WORD + 4..HEAD))
    {
        let size = usize::from_ne_bytes(*size);
        let Some(data) = rest.get(HEAD..size) else { break };
        let int = |b: &[u8]| b.try_into().map_or(0, i32::from_ne_bytes);
        out.push((int(level), int(kind), data.to_vec()));
        rest = rest.get(size.next_multiple_of(WORD)..).unwrap_or(&[]);
    }
    out
}

/// Waits up to `ms` milliseconds for the events; 0 when none came.
pub(crate) fn poll(fd: RawFd, events: i16, ms: i32) -> i16 {
    let mut one = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one live pollfd, count 1.
    if unsafe { libc::poll(&raw mut one, 1, ms) } > 0 { one.revents } else { 0 }
}

/// `fork(2)`: 0 in the child.
///
/// Only called while the process has one thread, so that the child may use everything it inherits.
pub(crate) fn fork() -> Result<i32, Errno> {
    // SAFETY: the process is single threaded (threads live only inside one actor order and are joined there).
    let pid = unsafe { libc::fork() };
    checked(i64::from(pid)).map(|_| pid)
}

/// Ends the process at once, without destructors of what it inherited.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: does not return; nothing needs to be unwound.
    unsafe { libc::_exit(code) }
}

/// Waits for a child; with `block` false returns `Ok(None)` while it still runs.
pub(crate) fn wait(pid: i32, block: bool) -> Result<Option<i32>, Errno> {
    let mut status = 0;
    loop {
        // SAFETY: writes one int.
        let ret = unsafe { libc::waitpid(pid, &raw mut status, if block { 0 } else { libc::WNOHANG }) };
        match checked(i64::from(ret)) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(status)),
            Err(libc::EINTR) => {}
            Err(e) => return Err(e),
        }
    }
}

/// `kill(2)`.
pub(crate) fn kill(pid: i32, signal: i32) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    checked(i64::from(unsafe { libc::kill(pid, signal) }))
}

/// The capability sets of the calling thread as two words each: effective, permitted, inheritable (low, then high).
pub(crate) fn capget() -> Result<[u32; 6], Errno> {
    let mut head = [0x2008_0522_u32, 0];
    let mut data = [0_u32; 6];
    // SAFETY: version 3 reads the 8-byte header and writes 24 bytes.
    checked(unsafe { libc::syscall(libc::SYS_capget, head.as_mut_ptr(), data.as_mut_ptr()) })?;
    Ok(data)
}

/// Sets the capability sets of the calling thread.
pub(crate) fn capset(data: &[u32; 6]) -> Result<i64, Errno> {
    let mut head = [0x2008_0522_u32, 0];
    // SAFETY: version 3 reads the 8-byte header and 24 bytes of data.
    checked(unsafe { libc::syscall(libc::SYS_capset, head.as_mut_ptr(), data.as_ptr()) })
}

/// The `setresuid` system call of the calling thread.
pub(crate) fn setresuid(real: u32, effective: u32, saved: u32) -> Result<i64, Errno> {
    // SAFETY: takes three integers; actors have one thread.
    checked(unsafe { libc::syscall(libc::SYS_setresuid, real, effective, saved) })
}

/// `unshare(2)`.
pub(crate) fn unshare(flags: i32) -> Result<i64, Errno> {
    // SAFETY: the flags used are namespaces, never CLONE_FILES or CLONE_VM.
    checked(i64::from(unsafe { libc::unshare(flags) }))
}

/// Names the calling thread, as `comm=` in records shows it.
pub(crate) fn set_comm(name: &str) {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    // SAFETY: PR_SET_NAME reads a NUL-terminated string.
    unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr()) };
}

/// Makes the calling process die with the one that started it.
pub(crate) fn die_with_parent() {
    // SAFETY: takes integers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Leaves the terminal, so that records say `tty=(none)` wherever the suite is started.
pub(crate) fn leave_terminal() {
    // SAFETY: takes nothing; fails harmlessly for a group leader.
    unsafe { libc::setsid() };
}

/// Ignores a signal (`true`) or gives it its default action back.
pub(crate) fn ignore_signal(signal: i32, ignore: bool) {
    let action = if ignore { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: installs no handler code.
    unsafe { libc::signal(signal, action) };
}

/// `acct(NULL)`: a system call that changes nothing here and that a rule can name.
pub(crate) fn acct_off() -> Result<i64, Errno> {
    // SAFETY: a null path switches process accounting off, which it is on every machine the suite runs on.
    checked(unsafe { libc::syscall(libc::SYS_acct, std::ptr::null::<u8>()) })
}

/// The thread id of the caller.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: takes nothing.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    u32::try_from(tid).unwrap_or(0)
}

/// Blocks the given signals for the calling thread and waits up to `ms` for one of them; `None` when none came.
pub(crate) fn wait_signal(signals: &[i32], ms: i64) -> Option<i32> {
    // SAFETY: sigset_t is plain data that sigemptyset initialises.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a live set.
    unsafe { libc::sigemptyset(&raw mut set) };
    for s in signals {
        // SAFETY: a live set and a valid signal number.
        unsafe { libc::sigaddset(&raw mut set, *s) };
    }
    // SAFETY: a live set; the old mask is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    let time = libc::timespec { tv_sec: ms / 1000, tv_nsec: (ms % 1000) * 1_000_000 };
    // SAFETY: live set and time, no siginfo wanted.
    let got = unsafe { libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const time) };
    (got > 0).then_some(got)
}

/// Unblocks the given signals; a forked player undoes what its guard blocked.
pub(crate) fn unblock_signals(signals: &[i32]) {
    // SAFETY: sigset_t is plain data that sigemptyset initialises.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: a live set.
    unsafe { libc::sigemptyset(&raw mut set) };
    for s in signals {
        // SAFETY: a live set and a valid signal number.
        unsafe { libc::sigaddset(&raw mut set, *s) };
    }
    // SAFETY: a live set; the old mask is not wanted.
    unsafe { libc::sigprocmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
}

/// Takes an exclusive `flock(2)`, waiting for it.
pub(crate) fn lock_exclusive(fd: RawFd) -> Result<i64, Errno> {
    // SAFETY: takes two integers.
    checked(i64::from(unsafe { libc::flock(fd, libc::LOCK_EX) }))
}
