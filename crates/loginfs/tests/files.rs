//! What members can do with the files. Needs root.

// Each test program uses its own part of it.
#[allow(dead_code)]
mod support;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;

use auditns_loginfs::{Access, FileNumber, Mounted, mount};
use auditns_wire::Errno;
use rustix::thread::gettid;
use support::{Book, LONG};

const FILE: FileNumber = FileNumber(1 << 60);
const OTHER: FileNumber = FileNumber(2);

fn mounted() -> (Mounted, Arc<Book>) {
    let book = Arc::new(Book::default());
    (mount(Arc::clone(&book) as Arc<dyn auditns_loginfs::Logins>, None).unwrap(), book)
}

fn open(mounted: &Mounted, file: FileNumber, access: Access) -> File {
    mounted.open(file, access).unwrap().into()
}

fn errno<T: std::fmt::Debug>(result: io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

fn tid() -> u32 {
    gettid().as_raw_nonzero().get().unsigned_abs()
}

/// What `pam_loginuid` does: reads, goes back, empties, and writes.
fn as_pam_does(file: &mut File, uid: &str) -> io::Result<String> {
    let mut old = [0; 24];
    let length = file.read(&mut old)?;
    file.seek(SeekFrom::Start(0))?;
    file.set_len(0)?;
    file.write_all(uid.as_bytes())?;
    Ok(String::from_utf8_lossy(&old[..length]).into_owned())
}

#[test]
fn what_pam_and_libaudit_do() {
    let (mounted, book) = mounted();
    assert_eq!(as_pam_does(&mut open(&mounted, FILE, Access::ReadWrite), "1000").unwrap(), "4294967295");
    let mut to_write = open(&mounted, FILE, Access::Write);
    to_write.set_len(0).unwrap();
    assert_eq!(to_write.write(b"1001\n").unwrap(), 5);
    let to_read = open(&mounted, FILE, Access::Read);
    assert_eq!(io::read_to_string(&to_read).unwrap(), "1001");
    // Each read asks, and reads from where it is.
    open(&mounted, FILE, Access::Write).write_all(b"7").unwrap();
    let mut byte = [0; 8];
    assert_eq!((to_read.read_at(&mut byte, 0).unwrap(), byte[0]), (1, b'7'));
    assert_eq!(to_read.read_at(&mut byte, 1).unwrap(), 0);
    assert_eq!(io::read_to_string(open(&mounted, OTHER, Access::Read)).unwrap(), "4294967295");
    let written = book.written();
    assert!(written.iter().all(|write| write.file == FILE && write.writer == tid() && write.call != 0));
    assert_eq!((written[1].text.as_slice(), written[1].length), (&b"1001\n"[..], 5));
    assert!(written[0].call != written[1].call);
}

#[test]
fn callers_are_told_by_their_thread() {
    let (mounted, book) = mounted();
    let file = open(&mounted, FILE, Access::ReadWrite);
    let other = thread::scope(|scope| {
        scope
            .spawn(|| {
                file.read_at(&mut [0; 16], 0).unwrap();
                file.write_at(b"5", 0).unwrap();
                tid()
            })
            .join()
            .unwrap()
    });
    assert_ne!(other, std::process::id());
    assert_eq!(book.readers(), [(FILE, other)]);
    assert_eq!(book.written()[0].writer, other);
}

#[test]
fn the_file_looks_like_that_of_proc() {
    let (mounted, _book) = mounted();
    let seen = open(&mounted, FILE, Access::Read).metadata().unwrap();
    let kernels = std::fs::metadata("/proc/self/loginuid").unwrap();
    assert!(seen.is_file() && kernels.is_file());
    assert_eq!((seen.uid(), seen.gid(), seen.len()), (kernels.uid(), kernels.gid(), kernels.len()));
    assert_eq!((seen.permissions().mode(), seen.nlink()), (kernels.permissions().mode(), kernels.nlink()));
}

#[test]
fn of_long_writes_the_beginning_is_looked_at() {
    let (mounted, book) = mounted();
    let file = open(&mounted, FILE, Access::Write);
    assert_eq!(errno(file.write_at(&vec![b'x'; 1 << 20], 0)), Errno::EINVAL.0);
    assert_eq!(errno(file.write_at(b"5", 3)), Errno::EINVAL.0);
    assert_eq!(errno(file.write_at(b"\x1b[2J\xff", 0)), Errno::EINVAL.0);
    let written = book.written();
    assert_eq!((written[0].text.as_slice(), written[0].length), (&[b'x'; 34][..], 4096));
    assert_eq!(written[1].offset, 3);
}

#[test]
fn nothing_else_can_be_done() {
    let (mounted, _book) = mounted();
    let file = open(&mounted, FILE, Access::ReadWrite);
    assert_eq!(errno(file.set_len(1)), Errno::EPERM.0);
    assert_eq!(errno(file.set_permissions(std::fs::Permissions::from_mode(0o666))), Errno::EPERM.0);
    assert_eq!(errno(std::os::unix::fs::fchown(&file, Some(1), None)), Errno::EPERM.0);
    let mut value = [0; 16];
    for name in ["user.x", "security.capability"] {
        assert!(rustix::fs::fgetxattr(&file, name, &mut value).is_err());
        assert!(rustix::fs::fsetxattr(&file, name, b"x", rustix::fs::XattrFlags::empty()).is_err());
    }
    assert_eq!(errno(open(&mounted, FILE, Access::Read).write_at(b"5", 0)), Errno::EBADF.0);
    assert_eq!(errno(open(&mounted, FILE, Access::Write).read_at(&mut value, 0)), Errno::EBADF.0);
    for number in [0, 1] {
        let refused = mounted.open(FileNumber(number), Access::Read).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn the_root_is_of_no_use() {
    let (mounted, _book) = mounted();
    let root = format!("/proc/self/fd/{}", mounted.root().as_raw_fd());
    assert_eq!(errno(std::fs::read_dir(&root).map(drop)), Errno::EACCES.0);
    let inside = |name: &str| format!("{root}/{name}");
    for result in [
        std::fs::create_dir(inside("x")),
        std::fs::remove_file(inside("2")),
        std::fs::rename(inside("2"), inside("3")),
        std::fs::hard_link(inside("2"), inside("x")),
        std::os::unix::fs::symlink("x", inside("x")),
    ] {
        assert!(result.is_err());
    }
    assert!(File::create(inside("x")).is_err());
    // Another user that was given it all the same.
    let directory = rustix::io::fcntl_dupfd_cloexec(mounted.root(), 0).unwrap();
    let looked = Command::new("setpriv")
        .args(["--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"])
        .args(["cat", "/proc/self/fd/0/2"])
        .env("LC_ALL", "C")
        .stdin(Stdio::from(directory))
        .output()
        .unwrap();
    assert!(!looked.status.success() && looked.stdout.is_empty(), "{looked:?}");
    let said = String::from_utf8_lossy(&looked.stderr).into_owned();
    assert!(said.contains("ermission denied") || said.contains("o such file"), "{said}");
}

const CHILD: &str = "LOGINFS_TEST_CHILD";

/// Runs the test of that name as a child whose standard input is the file, behind the words of `prefix`.
fn child(prefix: &[&str], test: &str, file: File) -> Output {
    let program = std::env::current_exe().unwrap();
    let words = prefix.iter().map(std::ffi::OsStr::new).chain([
        program.as_os_str(),
        "--exact".as_ref(),
        "--nocapture".as_ref(),
        test.as_ref(),
    ]);
    let words: Vec<_> = words.collect();
    Command::new(words[0]).args(&words[1..]).env(CHILD, "1").stdin(Stdio::from(file)).output().unwrap()
}

#[test]
fn members_in_other_user_namespaces_and_of_other_users_read_and_write() {
    if std::env::var_os(CHILD).is_some() {
        let input = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3).unwrap();
        let mut file = File::from(input);
        let metadata = file.metadata().unwrap();
        let old = as_pam_does(&mut file, "1000").unwrap();
        println!("\nold {old} uid {} thread", metadata.uid());
        return;
    }
    let own_name = "members_in_other_user_namespaces_and_of_other_users_read_and_write";
    let user: &[&str] = &["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"];
    let prefixes: [(&[&str], &str); 4] = [
        (&["env"], "uid 0"),
        (&["unshare", "--user", "--map-root-user"], "uid 0"),
        (&["unshare", "--user", "--pid", "--fork"], "uid 65534"),
        (user, "uid 54321"),
    ];
    for (prefix, owner) in prefixes {
        let (mounted, book) = mounted();
        let output = child(prefix, own_name, open(&mounted, FILE, Access::ReadWrite));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{prefix:?}: {output:?}");
        assert!(text.contains(&format!("old 4294967295 {owner}")), "{prefix:?}: {text}");
        let written = book.written();
        assert_eq!((written.len(), written[0].text.as_slice()), (1, &b"1000"[..]));
        assert_ne!(written[0].writer, 0);
        assert_eq!(book.readers(), [(FILE, written[0].writer)]);
        assert_eq!(io::read_to_string(open(&mounted, FILE, Access::Read)).unwrap(), "1000");
    }
}

#[test]
fn answers_that_take_long_hold_up_no_other_file() {
    let (mounted, book) = mounted();
    book.hold(FILE);
    let (sender, results) = mpsc::channel();
    for write in [false, true, false, false] {
        let file = open(&mounted, FILE, Access::ReadWrite);
        let sender = sender.clone();
        thread::spawn(move || {
            let mut text = [0; 8];
            let result = if write { file.write_at(b"5", 0) } else { file.read_at(&mut text, 0) };
            sender.send((write, result, text[0])).unwrap();
        });
    }
    book.wait_for(3, 1);
    for value in 0..100 {
        let mut file = open(&mounted, OTHER, Access::ReadWrite);
        file.write_all(value.to_string().as_bytes()).unwrap();
        file.rewind().unwrap();
        assert_eq!(io::read_to_string(file).unwrap(), value.to_string());
    }
    assert!(results.try_recv().is_err());
    book.let_go(FILE, None);
    for _ in 0..4 {
        let (write, result, text) = results.recv_timeout(LONG).unwrap();
        assert_eq!((result.unwrap(), text), (1, if write { 0 } else { b'1' }));
    }
}

#[test]
fn those_who_wait_for_one_file_are_bounded() {
    let (mounted, book) = mounted();
    book.hold(FILE);
    let (sender, results) = mpsc::channel();
    let read = |file: FileNumber| {
        let (file, sender) = (open(&mounted, file, Access::Read), sender.clone());
        thread::spawn(move || sender.send(file.read_at(&mut [0; 8], 0)).unwrap());
    };
    (0..16).for_each(|_| read(FILE));
    book.wait_for(16, 0);
    read(FILE);
    assert_eq!(errno(results.recv_timeout(LONG).unwrap()), Errno::EAGAIN.0);
    read(OTHER);
    assert_eq!(results.recv_timeout(LONG).unwrap().unwrap(), 8);
    book.let_go(FILE, Some(Errno::EPERM));
    for _ in 0..16 {
        assert_eq!(errno(results.recv_timeout(LONG).unwrap()), Errno::EPERM.0);
    }
    read(FILE);
    assert_eq!(results.recv_timeout(LONG).unwrap().unwrap(), 8);
}

#[test]
fn an_answer_that_is_lost_is_an_error() {
    let (mounted, book) = mounted();
    book.hold(FILE);
    let file = open(&mounted, FILE, Access::Read);
    let waiting = thread::spawn(move || errno(file.read_at(&mut [0; 8], 0)));
    book.wait_for(1, 0);
    book.lose(FILE);
    assert_eq!(waiting.join().unwrap(), Errno::EIO.0);
}

#[test]
fn each_open_is_closed_once() {
    let (mounted, book) = mounted();
    let first = open(&mounted, FILE, Access::Read);
    let copy = first.try_clone().unwrap();
    drop(open(&mounted, OTHER, Access::Read));
    drop(first);
    assert_eq!(book.wait_closed(1), [OTHER]);
    drop(copy);
    assert_eq!(book.wait_closed(2), [OTHER, FILE]);
}

#[test]
fn nothing_is_asked_after_the_end() {
    let (mounted, book) = mounted();
    let file = open(&mounted, FILE, Access::ReadWrite);
    drop(mounted);
    assert_eq!(errno(file.read_at(&mut [0; 8], 0)), 107);
    assert_eq!(errno(file.write_at(b"5", 0)), 107);
    drop(file);
    assert_eq!((book.readers().len(), book.written().len()), (0, 0));
}
