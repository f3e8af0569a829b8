//! Mounting, unmounting, and many callers at once. Needs root.

mod support;

use std::env;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use auditns_limitfs::{LimitFs, Limits, MountError, Refusal};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use support::{Place, Process, Stage, Table, shell, text};

const MOUNT_AT: &str = "LIMITFS_TEST_MOUNT_AT";
const READY: &str = "the tree is mounted";

struct Predecessor(Child);

impl Drop for Predecessor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_mount_over_the_mount_of_a_killed_predecessor() {
    over_the_mount_of_a_predecessor("a_mount_over_the_mount_of_a_killed_predecessor", true);
}

#[test]
fn a_mount_over_the_mount_of_a_predecessor_that_does_not_answer() {
    over_the_mount_of_a_predecessor("a_mount_over_the_mount_of_a_predecessor_that_does_not_answer", false);
}

fn over_the_mount_of_a_predecessor(test: &str, dies: bool) {
    if let Some(path) = env::var_os(MOUNT_AT) {
        let _mounted = LimitFs::mount(path.as_ref(), Arc::new(Table::default())).unwrap();
        println!("\n{READY}");
        std::io::stdout().flush().unwrap();
        // Ends by SIGKILL, or with the test that started it.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    }
    let place = Place::new();
    let mut predecessor = Predecessor(
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture", test])
            .env(MOUNT_AT, place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let output = BufReader::new(predecessor.0.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap() == READY));
    if dies {
        drop(predecessor);
        let dead = Errno::from_io_error(&fs::metadata(place.path()).unwrap_err());
        assert_eq!(dead, Some(Errno::NOTCONN));
    } else {
        // It does not answer, and its mount is not dead.
        let pid = rustix::process::Pid::from_child(&predecessor.0);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    let table = Arc::new(Table::default());
    let process = Process::start();
    table.put(process.id(), Ok(7));
    let stage = Stage { mounted: Some(LimitFs::mount(&place.path(), table).unwrap()), place };
    assert_eq!(text(&shell(&[], "cat \"$1\"", &stage.file(process.id()))), "7\n");
    let Stage { mounted, place } = stage;
    drop(mounted);
    assert!(!place.is_mounted());
    assert!(fs::read_dir(place.path()).unwrap().next().is_none());
}

#[test]
fn another_file_system_stays_and_is_not_asked() {
    let place = Place::new();
    let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let options = CString::new(options).unwrap();
    mount("another", place.path(), "fuse", MountFlags::empty(), options.as_c_str()).unwrap();
    // Nobody answers for it.
    let occupied = LimitFs::mount(&place.path(), Arc::new(Table::default()));
    rustix::mount::unmount(place.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(matches!(occupied, Err(MountError::Occupied { .. })), "{occupied:?}");
}

#[test]
fn dropping_unmounts_although_a_file_is_open_and_the_file_is_dead() {
    let table = Arc::new(Table::default());
    let process = Process::start();
    table.put(process.id(), Ok(7));
    let mut stage = Stage::new(table);
    let mut file = File::open(stage.file(process.id())).unwrap();
    stage.mounted = None;
    assert!(!stage.place.is_mounted());
    let refused = Errno::from_io_error(&file.read(&mut [0; 16]).unwrap_err());
    assert_eq!(refused, Some(Errno::NOTCONN));
}

#[test]
fn dropping_leaves_what_somebody_else_has_mounted_since() {
    let stage = Stage::new(Arc::new(Table::default()));
    let path = stage.place.path();
    rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH).unwrap();
    let second = LimitFs::mount(&path, Arc::new(Table::default())).unwrap();
    let Stage { mounted, place } = stage;
    drop(mounted);
    assert!(place.is_mounted());
    drop(second);
    assert!(!place.is_mounted());
}

#[test]
fn a_mount_point_that_is_none_is_told() {
    let place = Place::new();
    let missing = LimitFs::mount(&place.path().join("missing"), Arc::new(Table::default()));
    assert!(matches!(missing, Err(MountError::Inspect { .. })), "{missing:?}");
    let file = place.path().join("file\x1b");
    fs::write(&file, "").unwrap();
    let Err(error) = LimitFs::mount(&file, Arc::new(Table::default())) else {
        panic!("a file was mounted on")
    };
    assert!(matches!(error, MountError::NotADirectory { .. }));
    assert!(!error.to_string().contains('\x1b'), "{error}");
}

/// Mounts a FUSE file system at `path` whose program is gone at once.
fn mount_dead(path: &std::path::Path) {
    let device = fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap();
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
    let options = CString::new(options).unwrap();
    mount("auditns", path, "fuse", MountFlags::empty(), options.as_c_str()).unwrap();
}

#[test]
fn dead_mounts_on_each_other_are_removed_up_to_a_bound() {
    let place = Place::new();
    for _ in 0..17 {
        mount_dead(&place.path());
    }
    let refused = LimitFs::mount(&place.path(), Arc::new(Table::default()));
    assert!(matches!(refused, Err(MountError::TooManyTrees { most: 16, .. })), "{refused:?}");
    let mounted = LimitFs::mount(&place.path(), Arc::new(Table::default())).unwrap();
    drop(mounted);
    assert!(!place.is_mounted());
}

/// Answers once as many readers as the barrier wants are waiting at once.
struct Meeting(Barrier);

impl Limits for Meeting {
    fn get(&self, _: u32) -> Result<u32, Refusal> {
        self.0.wait();
        Ok(8)
    }

    fn set(&self, _: u32, _: u32) -> Result<(), Refusal> {
        Err(Refusal::Busy)
    }

    fn pids(&self) -> Vec<u32> {
        Vec::new()
    }
}

#[test]
fn eight_readers_are_served_at_once() {
    let stage = Stage::new(Arc::new(Meeting(Barrier::new(8))));
    let process = Process::start();
    let path = stage.file(process.id());
    let (sender, results) = mpsc::channel();
    for _ in 0..8 {
        let (sender, path) = (sender.clone(), path.clone());
        thread::spawn(move || {
            let mut limit = [0; 16];
            let length = File::open(path).unwrap().read(&mut limit).unwrap();
            sender.send(limit[..length].to_vec()).unwrap();
        });
    }
    for _ in 0..8 {
        assert_eq!(results.recv_timeout(Duration::from_secs(20)).unwrap(), b"8\n");
    }
}

/// Answers nobody until the test lets go.
struct Stuck {
    waiting: AtomicUsize,
    arrived: mpsc::SyncSender<()>,
    gate: Barrier,
}

impl Limits for Stuck {
    fn get(&self, _: u32) -> Result<u32, Refusal> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.arrived.send(()).unwrap();
        self.gate.wait();
        Ok(1)
    }

    fn set(&self, _: u32, _: u32) -> Result<(), Refusal> {
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        Vec::new()
    }
}

#[test]
fn readers_of_one_user_are_bounded_and_hold_up_nobody_else() {
    let (arrived, arrivals) = mpsc::sync_channel(64);
    let stuck = Arc::new(Stuck { waiting: AtomicUsize::new(0), arrived, gate: Barrier::new(5) });
    let stage = Stage::new(Arc::clone(&stuck) as Arc<dyn Limits>);
    let process = Process::start();
    let path = stage.file(process.id());
    let read_once = |path: &std::path::Path| {
        Command::new("setpriv")
            .args(["--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"])
            .args(["dd", "bs=16", "count=1", "status=none"])
            .arg(format!("if={}", path.display()))
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let readers: Vec<Child> = (0..4).map(|_| read_once(&path)).collect();
    let all_arrived = (0..4).all(|_| arrivals.recv_timeout(Duration::from_secs(20)).is_ok());
    let fifth = read_once(&path).wait_with_output().unwrap();
    // Looking up, listing and writing go on.
    let listed = fs::read_dir(stage.place.path()).unwrap().count();
    let written = fs::write(&path, "5");
    stuck.gate.wait();
    let outputs: Vec<_> = readers.into_iter().map(|reader| reader.wait_with_output().unwrap()).collect();
    assert!(all_arrived);
    assert!(text(&fifth).contains("temporarily unavailable"), "{fifth:?}");
    assert_eq!(listed, 0);
    written.unwrap();
    assert!(outputs.iter().all(|output| text(output) == "1\n"), "{outputs:?}");
    assert_eq!(stuck.waiting.load(Ordering::SeqCst), 4);
}
