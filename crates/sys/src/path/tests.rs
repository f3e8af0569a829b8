//! Changing a root directory takes root.

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

/// A directory of the test's own, removed at its end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("auditns-path-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("etc/deep")).unwrap();
        fs::write(path.join("etc/passwd"), "x").unwrap();
        Self(path)
    }

    fn found(&self, path: &str, kind: FileKind) -> Found {
        let data = fs::symlink_metadata(self.0.join(path)).unwrap();
        Found { kind, device: data.dev(), inode: data.ino() }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Opens the root of a thread that lives in the tree.
fn root_in(tree: &Tree) -> Root {
    std::thread::scope(|scope| {
        let member = scope.spawn(|| {
            // SAFETY: gives this thread a root directory of its own; no memory is touched.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_FS) }, 0);
            let tid = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
            let proc = open("/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
            rustix::process::chroot(&tree.0).unwrap();
            // `/proc` is out of sight in there, which the supervisor's is not.
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Root(rustix::fs::openat(&proc, format!("{tid}/root"), flags, Mode::empty()).unwrap())
        });
        member.join().unwrap()
    })
}

#[test]
fn files_are_found_with_their_directory() {
    let tree = Tree::new("plain");
    let root = root_in(&tree);
    let resolve = |path: &str| root.resolve(Path::new(path), false);
    let etc = Ok(tree.found("etc", FileKind::Directory));
    let expected = Resolution { target: Ok(tree.found("etc/passwd", FileKind::Regular)), parent: etc };
    assert_eq!(resolve("/etc/passwd"), expected);
    assert_eq!(resolve("etc/passwd"), expected);
    assert_eq!(resolve("/etc/deep/").parent, etc);
    assert_eq!(resolve("/etc/missing"), Resolution { target: Err(libc::ENOENT), parent: etc });
    assert_eq!(resolve("/missing/file"), Resolution { target: Err(libc::ENOENT), parent: Err(libc::ENOENT) });
    assert_eq!(resolve("/etc/passwd/file").target, Err(libc::ENOTDIR));
    let top = Ok(tree.found(".", FileKind::Directory));
    assert_eq!(resolve("/"), Resolution { target: top, parent: top });
    assert_eq!(resolve("/etc"), Resolution { target: etc, parent: top });
    assert_eq!(resolve("").target, Err(libc::ENOENT));
    assert_eq!(resolve(&"x".repeat(300)).target, Err(libc::ENAMETOOLONG));
}

#[test]
fn links_stay_below_the_root() {
    let tree = Tree::new("links");
    symlink("/etc/passwd", tree.0.join("absolute")).unwrap();
    symlink("../../../../../../etc/passwd", tree.0.join("etc/upward")).unwrap();
    symlink("loop", tree.0.join("loop")).unwrap();
    let root = root_in(&tree);
    let passwd = Ok(tree.found("etc/passwd", FileKind::Regular));
    for path in ["/absolute", "/etc/upward", "/../../../etc/passwd", "/etc/deep/../../../etc/passwd"] {
        assert_eq!(root.resolve(Path::new(path), true).target, passwd, "{path}");
    }
    let link = root.resolve(Path::new("/absolute"), false).target;
    assert_eq!(link, Ok(tree.found("absolute", FileKind::SymbolicLink)));
    assert_eq!(root.resolve(Path::new("/loop"), true).target, Err(libc::ELOOP));
}

#[test]
fn magic_links_and_devices_are_not_special_ways_out() {
    let root = Root::of_pid(std::process::id()).unwrap();
    let through_proc = root.resolve(Path::new("/proc/self/root/etc"), true);
    assert_eq!(through_proc.target, Err(libc::ELOOP));
    let null = root.resolve(Path::new("/dev/null"), true).target.unwrap();
    assert_eq!(null.kind, FileKind::Other);
}

#[test]
fn tasks_that_are_gone_have_no_root() {
    let child = crate::testing::fork(|| 0);
    crate::testing::wait(child);
    for pid in [child, 0, u32::MAX] {
        assert_eq!(Root::of_pid(pid).unwrap_err().raw_os_error(), Some(libc::ESRCH), "{pid}");
    }
}

#[test]
fn parents_are_taken_from_the_text() {
    for (path, parent) in [
        ("/a/b", "/a/"),
        ("/a//b//", "/a//"),
        ("/a", "/"),
        ("a", "/"),
        ("/", "/"),
        ("", "/"),
        ("/a/..", "/a/"),
    ] {
        assert_eq!(parent_of(Path::new(path)), Path::new(parent), "{path:?}");
    }
}
