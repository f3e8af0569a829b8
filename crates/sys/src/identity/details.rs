//! The details of a task that audit records carry.

use super::process::stat_field;
use super::procfs;
use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
use std::io;
use std::os::unix::ffi::OsStringExt;

/// Device of a pseudo terminal's user side (kernel: `UNIX98_PTY_SLAVE_MAJOR`).
const PTS_MAJOR: u32 = 136;
/// Device of virtual consoles (minor numbers 0 to 63) and classic serial lines (64 on).
const TTY_MAJOR: u32 = 4;
/// First minor number of serial lines.
const FIRST_SERIAL: u32 = 64;

/// The four ids of one kind that a task has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The real id.
    pub real: u32,
    /// The effective id.
    pub effective: u32,
    /// The saved id.
    pub saved: u32,
    /// The id for access to files.
    pub filesystem: u32,
}

/// What identifies a file of a running system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Device number of the file system, in the layout of `stat(2)`.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// The details of one task, ids as seen from this process's namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The thread-group id.
    pub pid: u32,
    /// The parent's thread-group id; 0 if it has none here.
    pub parent: u32,
    /// User ids.
    pub users: Ids,
    /// Group ids.
    pub groups: Ids,
    /// Name of the controlling terminal as audit prints it (`pts0`, `tty1`, `ttyS0`), or `(none)`.
    pub terminal: String,
    /// The command name, at most 15 bytes, any values but 0.
    pub command: Vec<u8>,
    /// Path of the executable as the kernel tells it; `None` for kernel threads, and where this process may not look.
    pub executable: Option<Vec<u8>>,
    /// The executable's identity; `None` as above.
    pub executable_id: Option<FileId>,
}

/// Reads the details of the task with this thread or process id.
///
/// # Errors
/// `ESRCH` if there is no such task.
pub fn of(pid: u32) -> io::Result<Details> {
    let status = procfs::read_text(pid, "status")?;
    let stat = procfs::read(pid, "stat")?;
    let mut command = procfs::read(pid, "comm")?;
    if command.last() == Some(&b'\n') {
        command.pop();
    }
    let executable_path = procfs::path(pid, "exe");
    let executable = std::fs::read_link(&executable_path).ok();
    // Attributes as the kernel has them: a file system that the member serves is not asked, it may answer never.
    let metadata = statx(CWD, &executable_path, AtFlags::STATX_DONT_SYNC, StatxFlags::INO).ok();
    Ok(Details {
        pid: number(&status, "Tgid")?,
        parent: number(&status, "PPid")?,
        users: ids(&status, "Uid")?,
        groups: ids(&status, "Gid")?,
        terminal: terminal_name(stat_field::<i32>(&stat, 7)?.cast_unsigned()),
        command,
        executable: executable.map(|path| path.into_os_string().into_vec()),
        executable_id: metadata.map(|data| FileId {
            device: makedev(data.stx_dev_major, data.stx_dev_minor),
            inode: data.stx_ino,
        }),
    })
}

/// The number of a task's thread group in the task's own pid namespace, which may be a child of this process's.
///
/// # Errors
/// `ESRCH` if there is no such task.
pub fn own_pid(pid: u32) -> io::Result<u32> {
    let status = procfs::read_text(pid, "status")?;
    let pids = procfs::status_field(&status, "NStgid")?.split_ascii_whitespace();
    pids.last().and_then(|id| id.parse().ok()).ok_or_else(|| procfs::malformed("NStgid"))
}

/// Whether the task with this thread or process id has `PR_SET_NO_NEW_PRIVS`.
///
/// # Errors
/// `ESRCH` if there is no such task.
pub fn no_new_privileges(pid: u32) -> io::Result<bool> {
    Ok(number(&procfs::read_text(pid, "status")?, "NoNewPrivs")? != 0)
}

pub(super) fn number(status: &str, label: &str) -> io::Result<u32> {
    procfs::status_field(status, label)?.parse().map_err(|_| procfs::malformed(label))
}

pub(super) fn ids(status: &str, label: &str) -> io::Result<Ids> {
    let values: Option<Vec<u32>> =
        procfs::status_field(status, label)?.split_ascii_whitespace().map(|id| id.parse().ok()).collect();
    match values.as_deref() {
        Some([real, effective, saved, filesystem]) => {
            Ok(Ids { real: *real, effective: *effective, saved: *saved, filesystem: *filesystem })
        }
        _ => Err(procfs::malformed(label)),
    }
}

/// Name of a terminal from the number in `stat`: driver name and index without a slash (kernel: `tty_line_name`).
/// Drivers with fixed numbers are known here, the rest have their name in sysfs.
fn terminal_name(number: u32) -> String {
    let major = number >> 8 & 0xfff;
    let minor = number & 0xff | number >> 12 & 0xfff00;
    match major {
        0 if minor == 0 => "(none)".to_owned(),
        PTS_MAJOR => format!("pts{minor}"),
        TTY_MAJOR if minor < FIRST_SERIAL => format!("tty{minor}"),
        TTY_MAJOR => format!("ttyS{}", minor - FIRST_SERIAL),
        _ => name_in_sysfs(major, minor).unwrap_or_else(|| "(none)".to_owned()),
    }
}

fn name_in_sysfs(major: u32, minor: u32) -> Option<String> {
    let event = std::fs::read_to_string(format!("/sys/dev/char/{major}:{minor}/uevent")).ok()?;
    event.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::terminal_name;

    #[test]
    fn terminals_have_the_names_that_audit_prints() {
        for (major, minor, name) in [
            (0, 0, "(none)"),
            (136, 0, "pts0"),
            (136, 255, "pts255"),
            (136, 256, "pts256"),
            (136, 0xf_ffff, "pts1048575"),
            (4, 1, "tty1"),
            (4, 63, "tty63"),
            (4, 64, "ttyS0"),
            (4, 67, "ttyS3"),
            (0xfff, 0xf_fff0, "(none)"),
        ] {
            let number: u32 = (minor & 0xff) | major << 8 | (minor & !0xff) << 12;
            assert_eq!(terminal_name(number), name, "{major}:{minor}");
        }
    }
}
