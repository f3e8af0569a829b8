//! The ids of a task without all that its `status` shows, which takes the kernel twice as long to write.

use super::process;
use super::{details, procfs};
use crate::raw;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// `PIDFD_THREAD` (Linux 6.9): the descriptor stands for the thread, not for its thread group.
pub(crate) const THREAD: PidfdFlags = PidfdFlags::from_bits_retain(0o200);

/// What the kernel attests as a message's sender, and the task's parent; ids as seen from this process's namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The thread-group id.
    pub pid: u32,
    /// The parent's thread-group id; 0 if it has none here.
    pub parent: u32,
    /// The real user id.
    pub uid: u32,
    /// The effective user id.
    pub euid: u32,
    /// The real group id.
    pub gid: u32,
}

impl Brief {
    /// Reads the ids of the task with this thread or process id.
    ///
    /// # Errors
    /// `ESRCH` if there is no such task.
    pub fn of(tid: u32) -> io::Result<Brief> {
        static KERNEL_TELLS: AtomicBool = AtomicBool::new(true);
        if !KERNEL_TELLS.load(Ordering::Relaxed) {
            return Brief::read(tid);
        }
        let told = Brief::told(tid);
        if told.is_ok() {
            return told;
        }
        // It may be gone, or the kernel too old; and some take one without a parent here for one that is gone (before Linux 6.16).
        let read = Brief::read(tid)?;
        if told.is_err_and(|error| is_unknown_call(&error)) {
            KERNEL_TELLS.store(false, Ordering::Relaxed);
        }
        Ok(read)
    }

    /// From the kernel itself (`PIDFD_GET_INFO`, Linux 6.13).
    fn told(tid: u32) -> io::Result<Brief> {
        let pidfd = pidfd_open(process::pid(tid)?, THREAD)?;
        // SAFETY: pidfd_info is a C structure of integers, for which all zeros is a valid value.
        let mut info: libc::pidfd_info = unsafe { std::mem::zeroed() };
        info.mask = u64::from(libc::PIDFD_INFO_PID | libc::PIDFD_INFO_CREDS);
        // SAFETY: PIDFD_GET_INFO takes a pidfd_info, of integers.
        unsafe { raw::ioctl_structure(pidfd.as_fd(), libc::PIDFD_GET_INFO, &mut info) }?;
        let libc::pidfd_info { tgid, ppid, ruid, euid, rgid, .. } = info;
        Ok(Brief { pid: tgid, parent: ppid, uid: ruid, euid, gid: rgid })
    }

    /// From `/proc`.
    fn read(tid: u32) -> io::Result<Brief> {
        let status = procfs::read_text(tid, "status")?;
        let users = details::ids(&status, "Uid")?;
        Ok(Brief {
            pid: details::number(&status, "Tgid")?,
            parent: details::number(&status, "PPid")?,
            uid: users.real,
            euid: users.effective,
            gid: details::ids(&status, "Gid")?.real,
        })
    }
}

/// Before Linux 6.9 there are no descriptors of threads, before 6.13 they do not tell.
fn is_unknown_call(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOTTY | Errno::NOSYS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fork, signal, wait};

    #[test]
    fn both_ways_tell_the_same_of_processes_and_threads() {
        let is_told = Brief::told(std::process::id()).is_ok();
        let agree = move |tid: u32| {
            let read = Brief::read(tid).unwrap();
            assert_eq!(Brief::of(tid).unwrap(), read);
            if is_told {
                assert_eq!(Brief::told(tid).unwrap(), read);
            }
            read
        };
        assert_eq!(agree(std::process::id()).pid, std::process::id());
        let thread = std::thread::spawn(move || {
            let tid = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
            // SAFETY: changes the effective user id of this thread alone.
            assert_eq!(unsafe { libc::syscall(libc::SYS_setresuid, 5, 6, 7) }, 0);
            let found = agree(tid);
            assert_eq!((found.pid, found.uid, found.euid), (std::process::id(), 5, 6));
            assert_ne!(tid, found.pid);
        });
        thread.join().unwrap();
        let child = fork(|| {
            loop {
                // SAFETY: waits for a signal, touching no memory.
                unsafe { libc::pause() };
            }
        });
        assert_eq!(agree(child).parent, std::process::id());
        signal(child, libc::SIGKILL);
        wait(child);
        for gone in [child, 0, 0x3fff_fff0] {
            assert_eq!(Brief::of(gone).unwrap_err().raw_os_error(), Some(libc::ESRCH), "{gone}");
            assert_eq!(Brief::read(gone).unwrap_err().raw_os_error(), Some(libc::ESRCH), "{gone}");
        }
    }
}
