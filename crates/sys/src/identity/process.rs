//! A handle that keeps meaning the same process when ids are used again.

use super::procfs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process, held by a pidfd. The descriptor becomes readable (epoll) when the process has ended.
#[derive(Debug)]
pub struct Process {
    pidfd: OwnedFd,
    pid: u32,
    start_time: u64,
}

impl Process {
    /// Opens the process with this id (a thread-group id, not a thread's).
    ///
    /// # Errors
    /// `ESRCH` if there is none; `EINVAL` or `ENOENT` if the id is a thread's.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pidfd = pidfd_open(self::pid(pid)?, PidfdFlags::empty())?;
        let start_time = start_time(pid)?;
        let process = Self { pidfd, pid, start_time };
        // Were it gone by now, the start time might be that of a successor with the same id.
        if process.is_alive()? { Ok(process) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
    }

    /// The thread-group id in this process's pid namespace.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// When it started, in clock ticks (usually 1/100 s) since boot: with the id it names a process for good.
    pub fn start_time(&self) -> u64 {
        self.start_time
    }

    /// False once the process has ended, even while nobody has waited for it.
    pub fn is_alive(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        loop {
            match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
                Ok(ready) => return Ok(ready == 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Process {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The process (thread-group id) to which a thread belongs.
///
/// # Errors
/// `ESRCH` if there is no such thread.
pub fn thread_group_of(tid: u32) -> io::Result<u32> {
    let status = procfs::read_text(tid, "status")?;
    procfs::status_field(&status, "Tgid")?.parse().map_err(|_| procfs::malformed("Tgid"))
}

/// When a process started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
///
/// # Errors
/// `ESRCH` if there is no such process.
pub fn start_time(pid: u32) -> io::Result<u64> {
    let stat = procfs::read(pid, "stat")?;
    stat_field(&stat, 22)
}

/// Whether a process has ended, as far as its first thread goes (`Z` or `X` in `/proc/PID/stat`): nothing is left of it, or
/// threads that the kernel does not let go, if it was killed. False if there is no such process.
pub fn has_lost_its_first_thread(pid: u32) -> bool {
    let state = procfs::read(pid, "stat").and_then(|stat| stat_field::<char>(&stat, 3));
    matches!(state, Ok('Z' | 'X'))
}

/// The processor on which a process's main thread ran last (field 39 of `/proc/PID/stat`).
///
/// # Errors
/// `ESRCH` if there is no such process.
pub(crate) fn last_cpu(pid: u32) -> io::Result<u32> {
    let stat = procfs::read(pid, "stat")?;
    stat_field(&stat, 39)
}

/// Field `number` (from 3 on, as `proc(5)` counts) of a `stat` file. Fields are counted from the last parenthesis,
/// because the command name before it may contain anything.
pub(super) fn stat_field<T: std::str::FromStr>(stat: &[u8], number: usize) -> io::Result<T> {
    let malformed = || procfs::malformed("stat");
    let end = stat.iter().rposition(|byte| *byte == b')').ok_or_else(malformed)?;
    let rest = std::str::from_utf8(&stat[end + 1..]).map_err(|_| malformed())?;
    // The first field after the parenthesis is number 3.
    let field = number.checked_sub(3).and_then(|skip| rest.split_ascii_whitespace().nth(skip));
    field.and_then(|text| text.parse().ok()).ok_or_else(malformed)
}

/// An id as the kernel's calls take it; `ESRCH` for 0 and for numbers that no task has.
pub(super) fn pid(id: u32) -> io::Result<Pid> {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw);
    id.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
}
