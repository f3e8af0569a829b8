//! Files that go on although the supervisor was killed. Needs root, and Linux 6.9 for calls that were not answered.

// Each test program uses its own part of it.
#[allow(dead_code)]
mod support;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;

use auditns_loginfs::{Access, FileNumber, Kept, Logins, Mounted, mount};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use support::{Book, LONG, wait_until};

const FILE: FileNumber = FileNumber(1 << 60);
const OTHER: FileNumber = FileNumber(2);
const CHILD: &str = "LOGINFS_TEST_CHILD";

fn mounted(book: &Arc<Book>, kept: Option<Kept>) -> Mounted {
    mount(Arc::clone(book) as Arc<dyn Logins>, kept).unwrap()
}

/// The supervisor that will be killed. It answers nobody who asks for [`FILE`].
fn predecessor() -> ! {
    let book = Arc::new(Book::default());
    book.hold(FILE);
    let mounted = mounted(&book, None);
    let file = mounted.open(FILE, Access::ReadWrite).unwrap();
    let other = mounted.open(OTHER, Access::ReadWrite).unwrap();
    let [connection, root] = [mounted.connection().as_raw_fd(), mounted.root().as_raw_fd()];
    println!("\nopen {connection} {root} {} {}", file.as_raw_fd(), other.as_raw_fd());
    let mut seen = (0, 0);
    loop {
        let now = (book.readers().len(), book.written().len());
        if now != seen {
            println!("\nasked {} {} {:?}", now.0, now.1, book.readers());
            io::stdout().flush().unwrap();
            seen = now;
        }
        thread::sleep(std::time::Duration::from_millis(5));
    }
}

struct Predecessor {
    child: Child,
    output: BufReader<ChildStdout>,
    descriptors: Vec<OwnedFd>,
}

impl Predecessor {
    /// Starts behind the words of `prefix`; `pid_of` says which process it is then.
    fn start(prefix: &[&str], test: &str, pid_of: impl Fn(u32) -> u32) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(prefix[0])
            .args(&prefix[1..])
            .arg(program)
            .args(["--exact", "--nocapture", test])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut started = Self { child, output, descriptors: Vec::new() };
        let line = started.line("open ");
        let pid = pid_of(started.child.id());
        let process =
            pidfd_open(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), PidfdFlags::empty()).unwrap();
        started.descriptors = line
            .split(' ')
            .map(|number| pidfd_getfd(&process, number.parse().unwrap(), PidfdGetfdFlags::empty()).unwrap())
            .collect();
        started
    }

    /// What it says behind a word.
    fn line(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it has ended");
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim_end().to_owned();
            }
        }
    }

    /// Kills it: what is kept, and the two files.
    fn kill(mut self) -> (Kept, File, File) {
        let mut descriptors = std::mem::take(&mut self.descriptors).into_iter();
        drop(self);
        let mut next = || descriptors.next().unwrap();
        (Kept { connection: next(), root: next() }, next().into(), next().into())
    }
}

impl Drop for Predecessor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // What it had started has ended as well.
        let _ = self.output.read_to_end(&mut Vec::new());
    }
}

#[test]
fn calls_that_were_not_answered_come_again_and_files_go_on() {
    if std::env::var_os(CHILD).is_some() {
        predecessor();
    }
    let own_name = "calls_that_were_not_answered_come_again_and_files_go_on";
    let mut predecessor = Predecessor::start(&["env"], own_name, |pid| pid);
    let (sender, results) = mpsc::channel();
    let waiting: Vec<File> =
        predecessor.descriptors[2..3].iter().map(|file| file.try_clone().unwrap().into()).collect();
    for write in [false, true] {
        let (file, sender) = (waiting[0].try_clone().unwrap(), sender.clone());
        thread::spawn(move || {
            let mut text = [0; 16];
            let result = if write { file.write_at(b"5", 0) } else { file.read_at(&mut text, 0) };
            sender.send((write, result.map(|length| text[..length.min(16)].to_vec()))).unwrap();
        });
    }
    drop(waiting);
    while !predecessor.line("asked ").starts_with("1 1 ") {}
    let (kept, file, other) = predecessor.kill();
    // Nobody serves. A new call waits as well, and everything is answered later.
    let late = other.try_clone().unwrap();
    let late = thread::spawn(move || late.write_at(b"77", 0).unwrap());
    assert!(results.try_recv().is_err());
    let book = Arc::new(Book::default());
    let mounted = mounted(&book, Some(kept));
    assert!(mounted.is_taken_over());
    for _ in 0..2 {
        let (write, result) = results.recv_timeout(LONG).unwrap();
        // The read may come before the write or after it.
        let text = result.unwrap();
        let expected: &[&[u8]] = if write { &[&[0]] } else { &[b"4294967295", b"5"] };
        assert!(expected.contains(&text.as_slice()), "{write} {text:?}");
    }
    assert_eq!(late.join().unwrap(), 2);
    let again = book.written().into_iter().find(|write| write.file == FILE).unwrap();
    assert_eq!(again.text, b"5");
    assert_eq!(again.call >> 63, 0);
    assert_ne!(again.call, 0);
    // Old descriptors and new ones.
    assert_eq!(io::read_to_string(&file).unwrap(), "5");
    let opened = File::from(mounted.open(OTHER, Access::Read).unwrap());
    assert_eq!(io::read_to_string(opened).unwrap(), "77");
    drop((file, other));
    book.wait_closed(3);
}

#[test]
fn a_second_takeover_goes_as_the_first() {
    if std::env::var_os(CHILD).is_some() {
        predecessor();
    }
    let own_name = "a_second_takeover_goes_as_the_first";
    let (kept, file, _other) = Predecessor::start(&["env"], own_name, |pid| pid).kill();
    let again =
        Kept { connection: kept.connection.try_clone().unwrap(), root: kept.root.try_clone().unwrap() };
    // Only a process of its own can be killed: this one is left without being ended, and the kernel gives requests to
    // either. Both have the same values.
    let book = Arc::new(Book::default());
    let first = mounted(&book, Some(kept));
    let second = mounted(&book, Some(again));
    assert!(first.is_taken_over() && second.is_taken_over());
    for value in 0..50 {
        file.write_at(value.to_string().as_bytes(), 0).unwrap();
        let mut text = [0; 16];
        let length = file.read_at(&mut text, 0).unwrap();
        assert_eq!(text[..length], *value.to_string().as_bytes());
    }
}

#[test]
fn a_connection_that_is_dead_is_replaced() {
    let book = Arc::new(Book::default());
    let dead = OwnedFd::from(File::options().read(true).write(true).open("/dev/fuse").unwrap());
    let root = OwnedFd::from(File::open("/").unwrap());
    let mounted = mounted(&book, Some(Kept { connection: dead, root }));
    assert!(!mounted.is_taken_over());
    let file = File::from(mounted.open(FILE, Access::Read).unwrap());
    assert_eq!(io::read_to_string(file).unwrap(), "4294967295");
}

#[test]
fn without_a_keeper_files_die_with_the_supervisor() {
    if std::env::var_os(CHILD).is_some() {
        predecessor();
    }
    let own_name = "without_a_keeper_files_die_with_the_supervisor";
    let mut predecessor = Predecessor::start(&["env"], own_name, |pid| pid);
    let waiting = File::from(predecessor.descriptors[2].try_clone().unwrap());
    let waiter = thread::spawn(move || waiting.read_at(&mut [0; 8], 0).unwrap_err().raw_os_error());
    predecessor.line("asked ");
    let (kept, file, _other) = predecessor.kill();
    drop(kept);
    // ECONNABORTED for who waited, ENOTCONN for who comes later.
    assert_eq!(waiter.join().unwrap(), Some(103));
    assert_eq!(file.read_at(&mut [0; 8], 0).unwrap_err().raw_os_error(), Some(107));
}

#[test]
fn a_caller_who_is_not_in_the_pid_namespace_of_the_supervisor_has_number_zero() {
    if std::env::var_os(CHILD).is_some() {
        predecessor();
    }
    let own_name = "a_caller_who_is_not_in_the_pid_namespace_of_the_supervisor_has_number_zero";
    let prefix = ["unshare", "--pid", "--fork", "--kill-child"];
    let mut predecessor = Predecessor::start(&prefix, own_name, |pid| {
        let children = format!("/proc/{pid}/task/{pid}/children");
        let mut child = None;
        wait_until("its child", || {
            child = std::fs::read_to_string(&children).unwrap().trim().parse().ok();
            child.is_some()
        });
        child.unwrap()
    });
    let other = File::from(predecessor.descriptors[3].try_clone().unwrap());
    assert_eq!(io::read_to_string(&other).unwrap(), "4294967295");
    let asked = predecessor.line("asked ");
    assert!(asked.contains("(FileNumber(2), 0)"), "{asked}");
}

/// As on kernels that cannot send requests again.
#[test]
fn a_connection_that_does_not_go_on_is_ended_for_those_who_wait() {
    if std::env::var_os(CHILD).is_some() {
        predecessor();
    }
    let own_name = "a_connection_that_does_not_go_on_is_ended_for_those_who_wait";
    let (kept, file, _other) = Predecessor::start(&["env"], own_name, |pid| pid).kill();
    let waits = file.try_clone().unwrap();
    let waits = thread::spawn(move || waits.read_at(&mut [0; 16], 0));
    // Nothing can be written to it.
    let connection = OwnedFd::from(io::pipe().unwrap().0);
    let mounted = mounted(&Arc::new(Book::default()), Some(Kept { connection, root: kept.root }));
    assert!(!mounted.is_taken_over());
    let refused = waits.join().unwrap().unwrap_err().raw_os_error();
    assert!(
        [Errno::NOTCONN, Errno::CONNABORTED].map(|errno| Some(errno.raw_os_error())).contains(&refused),
        "{refused:?}"
    );
    drop(kept.connection);
    let opened = File::from(mounted.open(FILE, Access::Read).unwrap());
    assert_eq!(io::read_to_string(opened).unwrap(), "4294967295");
}
