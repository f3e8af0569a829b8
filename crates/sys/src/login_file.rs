//! The files of login user id and session below `/proc`, as a member names them.

use crate::identity::namespace::{NamespaceFile, NamespaceKind, tgid_from};
use crate::identity::{Brief, details, process};
use rustix::fs::{Mode, OFlags, fstat, fstatfs, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

/// Longest path that is looked at, in bytes. `/proc/thread-self/sessionid` has 27.
pub const PATH_MAX: usize = 128;

/// The value of `statfs` for `proc`.
const PROC_MAGIC: u64 = 0x9fa0;
/// The inode number of its root (kernel: `PROC_ROOT_INO`).
const PROC_ROOT: u64 = 1;
/// As much of `/proc/PID/stat` as has the number in it.
const NUMBER_MAX: u64 = 16;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginFile {
    /// `loginuid`.
    Loginuid,
    /// `sessionid`.
    Session,
}

/// A file that a member names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Which one.
    pub file: LoginFile,
    /// Whose: a thread id, as seen here.
    pub task: u32,
    /// When the task started, in clock ticks since boot.
    pub started: u64,
    /// Whether it is one of the member's own process.
    pub own: bool,
}

/// Whose file, as a path says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// `self`
    Process,
    /// `thread-self`
    Thread,
    /// A number.
    Number(u32),
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// The root of `proc`.
    Proc,
    /// The folder of the task with this number.
    Task(u32),
}

/// The file that a thread names by a path, relative to the directory of that number or to its current one; `None` if it is
/// neither of the two, or named in a way that is not looked into (`..`, links, `task`).
///
/// It asks the file systems of the thread's container, which may answer late or never: for threads that nobody waits for. By
/// the thread's number: what is found counts only if the caller still waits afterwards.
///
/// # Errors
/// `ESRCH` where the thread, or the task that it names, is gone; what opening directories says.
pub fn named(tid: u32, directory: Option<u32>, path: &[u8]) -> io::Result<Option<Named>> {
    let Some((file, words)) = parts(path) else { return Ok(None) };
    let absolute = path.first() == Some(&b'/');
    let beginning = match (absolute, directory) {
        (true, _) => beginning(&format!("/proc/{tid}/root/proc"))?,
        (false, None) => beginning(&format!("/proc/{tid}/cwd"))?,
        (false, Some(number)) => beginning(&format!("/proc/{tid}/fd/{number}"))?,
    };
    let whose = match (beginning, absolute, words.as_slice()) {
        (Some(Beginning::Proc), true, [b"proc", whose]) | (Some(Beginning::Proc), false, [whose]) => {
            Whose::parse(whose)
        }
        (Some(Beginning::Task(number)), false, []) => Some(Whose::Number(number)),
        _ => None,
    };
    let Some(whose) = whose else { return Ok(None) };
    let (Brief { pid, .. }, own_pid) = (Brief::of(tid)?, details::own_pid(tid)?);
    let task = match whose {
        Whose::Process => pid,
        Whose::Thread => tid,
        Whose::Number(number) if number == own_pid => pid,
        Whose::Number(number) => tgid_from(&NamespaceFile::of_pid(tid, NamespaceKind::Pid)?, number)?,
    };
    let started = process::start_time(task)?;
    Ok(Some(Named { file, task, started, own: task == pid || task == tid }))
}

/// The file that a path ends with, and what comes before it.
fn parts(path: &[u8]) -> Option<(LoginFile, Vec<&[u8]>)> {
    let mut words: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|word| !word.is_empty() && *word != b".").collect();
    // What ends with a slash must be a directory.
    let last = path.rsplit(|byte| *byte == b'/').next()?;
    let file = match last {
        b"loginuid" => LoginFile::Loginuid,
        b"sessionid" => LoginFile::Session,
        _ => return None,
    };
    words.pop();
    (!words.contains(&&b".."[..])).then_some((file, words))
}

impl Whose {
    fn parse(word: &[u8]) -> Option<Whose> {
        match word {
            b"self" => Some(Whose::Process),
            b"thread-self" => Some(Whose::Thread),
            // As the kernel takes numbers (`name_to_int`).
            [b'0', ..] => None,
            _ if word.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(word).ok()?.parse().ok().map(Whose::Number)
            }
            _ => None,
        }
    }
}

/// What a directory is; `None` if it is none of `proc`'s that matter.
fn beginning(path: &str) -> io::Result<Option<Beginning>> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    // Behind `cwd` and `fd` a link has to be followed; a link at the end of `root/proc` is another directory.
    let flags = if path.ends_with("/root/proc") { flags } else { flags - OFlags::NOFOLLOW };
    let directory = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOTDIR | Errno::LOOP | Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if u64::try_from(fstatfs(&directory)?.f_type) != Ok(PROC_MAGIC) {
        return Ok(None);
    }
    if fstat(&directory)?.st_ino == PROC_ROOT {
        return Ok(Some(Beginning::Proc));
    }
    Ok(number_of(&directory).map(Beginning::Task))
}

/// The number that a task's folder is for.
fn number_of(directory: &OwnedFd) -> Option<u32> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = openat(directory.as_fd(), "stat", flags, Mode::empty()).ok()?;
    let mut text = Vec::new();
    File::from(file).take(NUMBER_MAX).read_to_end(&mut text).ok()?;
    let end = text.iter().position(|byte| *byte == b' ')?;
    std::str::from_utf8(&text[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn own() -> u32 {
        std::process::id()
    }

    fn found(directory: Option<u32>, path: &str) -> Option<Named> {
        named(own(), directory, path.as_bytes()).unwrap()
    }

    #[test]
    fn own_files_are_found_by_every_name() {
        let by_number = format!("/proc/{}/loginuid", own());
        for path in
            ["/proc/self/loginuid", "//proc/./self//loginuid", "/proc/thread-self/loginuid", &by_number]
        {
            let named = found(None, path).unwrap();
            assert_eq!((named.file, named.task, named.own), (LoginFile::Loginuid, own(), true), "{path}");
            assert_eq!(named.started, process::start_time(own()).unwrap());
        }
        assert_eq!(found(None, "/proc/self/sessionid").unwrap().file, LoginFile::Session);
    }

    #[test]
    fn another_tasks_file_is_not_own() {
        let named = found(None, "/proc/1/loginuid").unwrap();
        assert_eq!((named.task, named.own), (1, false));
        let gone = super::named(own(), None, b"/proc/4194303/loginuid").unwrap_err();
        assert_eq!(gone.raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn directories_of_proc_are_beginnings() {
        let open = |path: &str| File::open(path).unwrap();
        let (proc, task, other) = (open("/proc"), open("/proc/1"), open("/tmp"));
        let number = |file: &File| Some(file.as_raw_fd().cast_unsigned());
        assert_eq!(found(number(&proc), "self/loginuid").unwrap().task, own());
        assert_eq!(found(number(&task), "loginuid").unwrap().task, 1);
        assert_eq!(found(number(&task), "self/loginuid"), None);
        assert_eq!(found(number(&other), "self/loginuid"), None);
        assert_eq!(found(number(&other), "/proc/self/loginuid").unwrap().task, own(), "absolute");
        assert_eq!(found(number(&open("/proc/self/net")), "loginuid"), None);
        assert_eq!(found(None, "self/loginuid"), None, "this package's folder");
    }

    #[test]
    fn other_paths_are_nothing_of_ours() {
        for path in [
            "",
            "/",
            "loginuid",
            "/proc/self/loginuid/",
            "/proc/self/loginuid/.",
            "/proc/self/../self/loginuid",
            "/proc/self/task/1/loginuid",
            "/proc/self/status",
            "/proc/loginuid",
            "/proc/0/loginuid",
            "/proc/01/loginuid",
            "/proc/-1/loginuid",
            "/proc/99999999999/loginuid",
            "/etc/self/loginuid",
            "/proc/self/loginuid2",
        ] {
            assert_eq!(found(None, path), None, "{path:?}");
        }
    }
}
