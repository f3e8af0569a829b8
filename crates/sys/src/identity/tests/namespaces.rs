use super::*;
use crate::identity::namespace::{
    INITIAL_PID_INODE, INITIAL_USER_INODE, tgid_from, tgid_from_by_proc, tgid_in, tgid_in_by_proc,
};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin};

/// A shell in a user namespace of its own whose child is process 1 of a new pid namespace.
struct Nested {
    shell: Child,
    stdin: ChildStdin,
    /// The inner process, by its id here.
    inner: u32,
}

impl Nested {
    /// Starts it, with user ids 0 to 999 mapped to 100000 on, and group ids to 200000 on.
    fn start() -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "read go; sleep 60 & echo $!; read stop; kill -9 $!; wait"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // SAFETY: the closure makes one system call and neither allocates nor locks.
        unsafe { command.pre_exec(enter_new_namespaces) };
        let mut shell = command.spawn().unwrap();
        let pid = shell.id();
        std::fs::write(format!("/proc/{pid}/uid_map"), "0 100000 1000").unwrap();
        std::fs::write(format!("/proc/{pid}/gid_map"), "0 200000 1000").unwrap();
        let mut stdin = shell.stdin.take().unwrap();
        writeln!(stdin, "go").unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // The shell itself is in this pid namespace, so it knows its child by the id that we use.
        Self { shell, stdin, inner: line.trim().parse().unwrap() }
    }
}

fn enter_new_namespaces() -> std::io::Result<()> {
    // SAFETY: unshare with these flags touches no memory.
    let done = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID) };
    if done == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

impl Drop for Nested {
    fn drop(&mut self) {
        let _ = writeln!(self.stdin, "stop");
        let _ = self.shell.wait();
    }
}

#[test]
fn a_nested_process_has_other_namespaces_with_the_right_relations() {
    let nested = Nested::start();
    let own_user = NamespaceFile::own(NamespaceKind::User).unwrap();
    let own_pid_namespace = NamespaceFile::own(NamespaceKind::Pid).unwrap();
    let user = NamespaceFile::of_pid(nested.inner, NamespaceKind::User).unwrap();
    let pid = NamespaceFile::of_pid(nested.inner, NamespaceKind::Pid).unwrap();
    assert_ne!(user.id(), own_user.id());
    assert_ne!(pid.id(), own_pid_namespace.id());
    assert_eq!(user.parent().unwrap().id(), own_user.id());
    assert_eq!(pid.parent().unwrap().id(), own_pid_namespace.id());
    assert_eq!(pid.owning_user_namespace().unwrap().id(), user.id());
    assert_eq!(user.owning_user_namespace().unwrap().id(), own_user.id());
    assert_eq!(user.owner_uid().unwrap(), rustix::process::geteuid().as_raw());
    assert_eq!(errno(pid.owner_uid()), Some(libc::EINVAL));
}

#[test]
fn a_handle_gives_the_same_namespaces_as_the_id() {
    let nested = Nested::start();
    let process = Process::open(nested.inner).unwrap();
    for kind in [NamespaceKind::User, NamespaceKind::Pid] {
        let by_handle = NamespaceFile::of_process(&process, kind).unwrap();
        assert_eq!(by_handle.id(), NamespaceFile::of_pid(nested.inner, kind).unwrap().id());
    }
    drop(nested);
    assert_eq!(errno(NamespaceFile::of_process(&process, NamespaceKind::User)), Some(libc::ESRCH));
}

#[test]
fn ids_translate_into_a_pid_namespace_and_back() {
    let nested = Nested::start();
    let inner = NamespaceFile::of_pid(nested.inner, NamespaceKind::Pid).unwrap();
    let outer = NamespaceFile::own(NamespaceKind::Pid).unwrap();
    assert_eq!(tgid_in(&inner, nested.inner).unwrap(), 1);
    assert_eq!(tgid_in(&outer, nested.inner).unwrap(), nested.inner);
    assert_eq!(tgid_from(&inner, 1).unwrap(), nested.inner);
    assert_eq!(errno(tgid_in(&inner, own_pid())), Some(libc::ESRCH), "not visible inside");
    assert_eq!(errno(tgid_from(&inner, 2)), Some(libc::ESRCH));
    apart(|| assert_eq!(tgid_in(&outer, own_tid()).unwrap(), own_pid(), "a thread's process"));
}

#[test]
fn kernels_without_the_translation_give_the_same_ids() {
    let nested = Nested::start();
    let inner = NamespaceFile::of_pid(nested.inner, NamespaceKind::Pid).unwrap();
    let outer = NamespaceFile::own(NamespaceKind::Pid).unwrap();
    assert_eq!(tgid_in_by_proc(&inner, nested.inner).unwrap(), 1);
    assert_eq!(tgid_in_by_proc(&outer, nested.inner).unwrap(), nested.inner);
    assert_eq!(errno(tgid_in_by_proc(&inner, own_pid())), Some(libc::ESRCH));
    apart(|| assert_eq!(tgid_in_by_proc(&outer, own_tid()).unwrap(), own_pid()));
    assert_eq!(tgid_from_by_proc(&inner, 1).unwrap(), nested.inner);
    assert_eq!(tgid_from_by_proc(&outer, own_pid()).unwrap(), own_pid());
    assert_eq!(errno(tgid_from_by_proc(&inner, 2)), Some(libc::ESRCH));
}

#[test]
fn the_longest_list_of_groups_hides_nothing_behind_it() {
    let outer = NamespaceFile::own(NamespaceKind::Pid).unwrap();
    apart(|| {
        let groups: Vec<libc::gid_t> = (0..65_536).map(|number| 4_000_000_000 + number).collect();
        // The system call itself changes this thread alone, unlike the C library's function.
        // SAFETY: the pointer names as many live numbers as the call is told.
        let set = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
        assert_eq!(set, 0, "setgroups failed with {}", last_errno());
        let length = std::fs::read("/proc/thread-self/status").unwrap().len();
        assert!(length > 700_000, "{length}");
        assert_eq!(tgid_in_by_proc(&outer, own_tid()).unwrap(), own_pid());
    });
}

#[test]
fn maps_of_a_nested_namespace_are_read_from_here() {
    let nested = Nested::start();
    let users = IdMap::read(nested.inner, IdKind::Users).unwrap();
    assert_eq!((users.to_inside(100_007), users.to_host(7)), (Some(7), Some(100_007)));
    assert_eq!((users.to_inside(0), users.to_host(1000)), (None, None));
    let groups = IdMap::read(nested.inner, IdKind::Groups).unwrap();
    assert_eq!((groups.to_inside(200_999), groups.to_inside(100_007)), (Some(999), None));
    assert_eq!(IdMap::read(own_pid(), IdKind::Users).unwrap(), IdMap::identity());
}

#[test]
fn the_initial_namespaces_have_their_fixed_numbers_and_no_parent() {
    let user = NamespaceFile::own(NamespaceKind::User).unwrap();
    let pid = NamespaceFile::own(NamespaceKind::Pid).unwrap();
    // Walking up from anywhere ends at the initial namespaces, unless they are out of sight.
    for (namespace, initial) in [(user, INITIAL_USER_INODE), (pid, INITIAL_PID_INODE)] {
        match namespace.parent() {
            Ok(_) => assert_ne!(namespace.id().inode, initial),
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
    }
    assert_eq!(INITIAL_USER_INODE, 4_026_531_837);
    assert_eq!(INITIAL_PID_INODE, 4_026_531_836);
}
