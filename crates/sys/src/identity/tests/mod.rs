//! Identities of this process, and of children in namespaces of their own. Making those, and giving them id maps, takes
//! root.

mod namespaces;

use super::*;
use crate::testing::{drop_capability, eventually, fork, last_errno, signal, wait};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;

fn own_tid() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned()
}

fn own_pid() -> u32 {
    std::process::id()
}

/// Runs in a thread, because capabilities, names and login uids are a thread's.
fn apart<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}

/// A child that sleeps until the test ends it.
struct Sleeper(u32);

impl Sleeper {
    fn start() -> Self {
        Self(fork(|| {
            loop {
                // SAFETY: waits for a signal, touching no memory.
                unsafe { libc::pause() };
            }
        }))
    }

    fn end(self) {
        drop(self);
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        signal(self.0, libc::SIGKILL);
        wait(self.0);
    }
}

fn errno<T: std::fmt::Debug>(result: std::io::Result<T>) -> Option<i32> {
    result.unwrap_err().raw_os_error()
}

#[test]
fn capabilities_are_the_effective_ones_of_that_thread() {
    let before = capabilities::own().unwrap();
    assert!(before.has(Capability::AuditWrite) && before.has(Capability::SysAdmin), "run the tests as root");
    apart(|| {
        drop_capability(Capability::AuditWrite as u32);
        let expected = CapabilitySet(before.0 & !(1 << 29));
        assert_eq!(capabilities::own().unwrap(), expected);
        assert_eq!(capabilities::of(own_tid()).unwrap().effective, expected);
        assert!(!expected.has(Capability::AuditWrite) && expected.has(Capability::AuditControl));
    });
    assert_eq!(capabilities::of(own_pid()).unwrap().effective, before);
}

#[test]
fn ids_that_nobody_has_are_esrch_everywhere() {
    let sleeper = Sleeper::start();
    let gone = sleeper.0;
    let files = LoginuidFile::open(gone).unwrap();
    sleeper.end();
    for pid in [gone, 0, u32::MAX] {
        assert_eq!(errno(capabilities::of(pid)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(Process::open(pid)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(process::thread_group_of(pid)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(LoginuidFile::open(pid)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(NamespaceFile::of_pid(pid, NamespaceKind::User)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(IdMap::read(pid, IdKind::Users)), Some(libc::ESRCH), "{pid}");
        assert_eq!(errno(details::of(pid)), Some(libc::ESRCH), "{pid}");
    }
    assert_eq!(errno(files.read()), Some(libc::ESRCH), "files of a task that is gone");
}

#[test]
fn a_process_is_alive_until_it_ends_and_its_start_is_in_the_past() {
    let sleeper = Sleeper::start();
    let process = Process::open(sleeper.0).unwrap();
    assert_eq!(process.pid(), sleeper.0);
    assert!(process.is_alive().unwrap());
    assert_eq!(process.start_time(), process::start_time(sleeper.0).unwrap());
    assert!(process.start_time() >= process::start_time(own_pid()).unwrap());
    signal(sleeper.0, libc::SIGKILL);
    eventually("end of the process", || !process.is_alive().unwrap());
    // It is a zombie now: its id still exists, the process does not.
    assert_eq!(errno(Process::open(sleeper.0)), Some(libc::ESRCH));
    wait(sleeper.0);
    std::mem::forget(sleeper);
}

#[test]
fn threads_belong_to_their_process() {
    let tid = apart(|| {
        assert_eq!(process::thread_group_of(own_tid()).unwrap(), own_pid());
        assert!(Process::open(own_tid()).is_err(), "a thread is no process");
        own_tid()
    });
    assert_ne!(tid, own_pid());
    assert_eq!(process::thread_group_of(own_pid()).unwrap(), own_pid());
}

#[test]
fn stat_fields_are_counted_behind_any_command_name() {
    let stat = b"42 (a) 9 (b)) S 7 8 9 34816 0 0 0 0 0 0 0 0 0 0 0 0 0 0 123456 0\n";
    assert_eq!(process::stat_field::<u64>(stat, 4).unwrap(), 7);
    assert_eq!(process::stat_field::<u64>(stat, 7).unwrap(), 34816);
    assert_eq!(process::stat_field::<u64>(stat, 22).unwrap(), 123_456);
    for malformed in [&b"42 no parenthesis"[..], b"42 (x)", b"", b"1 (x) S \xff"] {
        assert!(process::stat_field::<u64>(malformed, 22).is_err());
    }
}

#[test]
fn login_uids_are_read_as_they_change() {
    let sleeper = apart(|| {
        std::fs::write("/proc/thread-self/loginuid", "4711").unwrap();
        Sleeper::start()
    });
    let files = LoginuidFile::open(sleeper.0).unwrap();
    let login = files.read().unwrap();
    assert_eq!(login.uid, 4711);
    assert_ne!(login.session, loginuid::UNSET);
    assert_eq!(files.read().unwrap(), login, "a second read of the same files");
    let tid = apart(|| {
        let own = LoginuidFile::open(own_tid()).unwrap();
        std::fs::write("/proc/thread-self/loginuid", "4712").unwrap();
        let first = own.read().unwrap().uid;
        std::fs::write("/proc/thread-self/loginuid", loginuid::UNSET.to_string()).unwrap();
        (first, own.read().unwrap().uid)
    });
    assert_eq!(tid, (4712, loginuid::UNSET));
    let text = std::fs::read_to_string("/proc/self/loginuid").unwrap();
    assert_eq!(loginuid::own().unwrap().uid.to_string(), text.trim());
}

#[test]
fn maps_translate_both_ways_and_know_their_gaps() {
    let map = IdMap::parse("         0     100000      65536\n     70000       1000          1\n").unwrap();
    assert_eq!(map.to_inside(100_000), Some(0));
    assert_eq!(map.to_inside(165_535), Some(65_535));
    assert_eq!(map.to_inside(165_536), None);
    assert_eq!(map.to_inside(1000), Some(70_000));
    assert_eq!(map.to_inside(0), None);
    assert_eq!(map.to_host(0), Some(100_000));
    assert_eq!(map.to_host(70_000), Some(1000));
    assert_eq!(map.to_host(70_001), None);
    assert_eq!(IdMap::identity().to_inside(4_294_967_294), Some(4_294_967_294));
    assert_eq!(IdMap::identity().to_host(u32::MAX), None, "the invalid id is mapped nowhere");
    assert_eq!(IdMap::parse("").unwrap().to_inside(0), None);
    assert_eq!(IdMap::parse("0 4294967290 100").unwrap().to_host(50), None, "no overflow");
}

#[test]
fn maps_that_the_kernel_would_not_write_are_refused() {
    for text in ["0 0", "0 0 1 2", "a 0 1", "-1 0 1", "0 0 4294967296"] {
        assert!(IdMap::parse(text).is_err(), "{text:?}");
    }
    let most = "0 0 1\n".repeat(340);
    assert!(IdMap::parse(&most).is_ok());
    assert!(IdMap::parse(&(most + "0 0 1\n")).is_err());
}

#[test]
fn details_are_those_of_the_child() {
    let mut child =
        Command::new("/bin/sleep").arg("60").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    // The kernel wakes the parent a moment before it names the new program.
    eventually("the program's name", || details::of(child.id()).unwrap().command == b"sleep");
    let details = details::of(child.id()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let file = std::fs::metadata("/bin/sleep").unwrap();
    let (device, inode) = {
        use std::os::unix::fs::MetadataExt;
        (file.dev(), file.ino())
    };
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(details.pid, child.id());
    assert_eq!(details.parent, own_pid());
    assert_eq!(details.users, Ids { real: uid, effective: uid, saved: uid, filesystem: uid });
    let program = std::fs::canonicalize("/bin/sleep").unwrap();
    assert_eq!(details.executable.as_deref(), Some(program.as_os_str().as_encoded_bytes()));
    assert_eq!(details.executable_id, Some(FileId { device, inode }));
}

#[test]
fn every_kind_of_id_is_in_its_place() {
    let child = fork(|| {
        // SAFETY: the two calls change ids of this child only.
        let users = unsafe { libc::syscall(libc::SYS_setresuid, 1001, 0, 1003) };
        // SAFETY: as above.
        let groups = unsafe { libc::syscall(libc::SYS_setresgid, 2001, 2002, 2003) };
        if users != 0 || groups != 0 {
            return last_errno();
        }
        // SAFETY: as above; the old value is returned and not of interest.
        unsafe { libc::syscall(libc::SYS_setfsgid, 2004) };
        loop {
            // SAFETY: waits for a signal, touching no memory.
            unsafe { libc::pause() };
        }
    });
    let sleeper = Sleeper(child);
    let groups = Ids { real: 2001, effective: 2002, saved: 2003, filesystem: 2004 };
    eventually("ids of the child", || details::of(sleeper.0).is_ok_and(|details| details.groups == groups));
    let users = Ids { real: 1001, effective: 0, saved: 1003, filesystem: 0 };
    assert_eq!(details::of(sleeper.0).unwrap().users, users);
}

#[test]
fn odd_command_names_come_through() {
    apart(|| {
        rustix::thread::set_name(c") \xff\n (x").unwrap();
        let details = details::of(own_tid()).unwrap();
        assert_eq!(details.command, b") \xff\n (x");
        assert_eq!(details.pid, own_pid());
    });
}

#[test]
fn a_terminal_is_named_as_the_kernel_names_it() {
    // SAFETY: opens a new terminal; no memory is passed.
    let master = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) };
    assert!(master >= 0);
    // SAFETY: the number was just returned as a new descriptor.
    let master = unsafe { <std::os::fd::OwnedFd as std::os::fd::FromRawFd>::from_raw_fd(master) };
    // SAFETY: changes the lock of the test's own terminal.
    assert_eq!(unsafe { libc::unlockpt(master.as_raw_fd()) }, 0);
    let mut number: libc::c_int = -1;
    // SAFETY: TIOCGPTN writes an int, and the pointer names a live one.
    assert_eq!(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }, 0);
    let path = std::ffi::CString::new(format!("/dev/pts/{number}")).unwrap();
    let child = fork(|| {
        rustix::process::setsid().ok();
        // The first terminal that a session leader opens becomes its controlling terminal.
        if rustix::fs::open(&path, rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty()).is_err() {
            return last_errno();
        }
        loop {
            // SAFETY: waits for a signal, touching no memory.
            unsafe { libc::pause() };
        }
    });
    let sleeper = Sleeper(child);
    let expected = format!("pts{number}");
    eventually("the terminal", || details::of(sleeper.0).unwrap().terminal == expected);
}
