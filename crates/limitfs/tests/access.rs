//! Who may do what with the files. Needs root.

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::{Arc, Mutex};

use auditns_limitfs::{Limits, Refusal};
use rustix::io::Errno;
use support::{Process, Stage, Table, mount_line, shell, text};

const ORDINARY: &[&str] = &["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"];
const CONTAINED: &[&str] = &["unshare", "--user", "--map-root-user"];

fn stage() -> (Stage, Arc<Table>, Process) {
    let table = Arc::new(Table::default());
    let process = Process::start();
    table.put(process.id(), Ok(320));
    (Stage::new(Arc::clone(&table) as Arc<dyn Limits>), table, process)
}

fn errno<T: std::fmt::Debug>(result: std::io::Result<T>) -> Errno {
    Errno::from_io_error(&result.unwrap_err()).unwrap()
}

#[test]
fn root_reads_and_writes() {
    let (stage, table, process) = stage();
    let file = stage.file(process.id());
    assert_eq!(text(&shell(&[], "cat \"$1\"", &file)), "320\n");
    let written = shell(&[], "echo 64 > \"$1\" && cat \"$1\" && printf 65 >> \"$1\" && cat \"$1\"", &file);
    assert_eq!(text(&written), "64\n65\n");
    assert_eq!(table.get(process.id()), Ok(65));
    for limit in [0, u32::MAX] {
        fs::write(&file, limit.to_string()).unwrap();
        assert_eq!(table.get(process.id()), Ok(limit));
    }
}

#[test]
fn the_mount_and_the_file_look_as_promised() {
    let (stage, _, process) = stage();
    let mounted = stage.mounted.as_ref().unwrap();
    assert_eq!(mounted.path(), stage.place.path());
    let line = mount_line(&stage.place.path()).unwrap();
    for option in ["nosuid", "nodev", "noexec", "allow_other", "default_permissions", " fuse auditns "] {
        assert!(line.contains(option), "{option} in {line}");
    }
    let file = fs::metadata(stage.file(process.id())).unwrap();
    assert!(file.is_file());
    assert_eq!((file.permissions().mode() & 0o7777, file.uid(), file.gid(), file.len()), (0o644, 0, 0, 0));
}

#[test]
fn an_ordinary_user_reads_but_does_not_write() {
    let (stage, table, process) = stage();
    let file = stage.file(process.id());
    assert_eq!(text(&shell(ORDINARY, "cat \"$1\"", &file)), "320\n");
    let written = shell(ORDINARY, "echo 64 > \"$1\"", &file);
    assert!(!written.status.success() && text(&written).contains("Permission denied"), "{written:?}");
    assert_eq!(table.get(process.id()), Ok(320));
}

#[test]
fn an_ordinary_user_does_not_write_through_the_descriptor_of_root() {
    let (stage, table, process) = stage();
    let script = format!("exec 3> \"$1\"; exec {} env echo 64 >&3", ORDINARY.join(" "));
    let written = shell(&[], &script, &stage.file(process.id()));
    assert!(!written.status.success() && text(&written).contains("not permitted"), "{written:?}");
    assert_eq!(table.get(process.id()), Ok(320));
}

#[test]
fn root_of_a_user_namespace_reads_but_does_not_write() {
    let (stage, table, process) = stage();
    let file = stage.file(process.id());
    assert_eq!(text(&shell(CONTAINED, "cat \"$1\"", &file)), "320\n");
    let written = shell(CONTAINED, "env echo 64 > \"$1\"", &file);
    assert!(!written.status.success(), "{written:?}");
    assert!(["not permitted", "denied"].iter().any(|why| text(&written).contains(why)), "{written:?}");
    assert_eq!(table.get(process.id()), Ok(320));
}

#[test]
fn what_is_no_limit_is_invalid() {
    let (stage, table, process) = stage();
    let file = OpenOptions::new().write(true).open(stage.file(process.id())).unwrap();
    for junk in ["\n", "-1", "+1", "64 ", "64\n\n", "4294967296", "0x40", "\x1b[2J", "00000000000000064"] {
        assert_eq!(errno(file.write_at(junk.as_bytes(), 0)), Errno::INVAL, "{junk:?}");
    }
    assert_eq!(errno(file.write_at(b"64", 1)), Errno::INVAL);
    assert_eq!(errno(file.write_at(&vec![b'1'; 1 << 20], 0)), Errno::INVAL);
    assert_eq!(table.get(process.id()), Ok(320));
    assert_eq!(file.write_at(b"64", 0).unwrap(), 2);
}

#[test]
fn reading_goes_on_where_it_was() {
    let (stage, _, process) = stage();
    let mut file = File::open(stage.file(process.id())).unwrap();
    let mut byte = [0];
    let mut bytes = Vec::new();
    while file.read(&mut byte).unwrap() == 1 {
        bytes.push(byte[0]);
    }
    assert_eq!(bytes, b"320\n");
    file.rewind().unwrap();
    assert_eq!(std::io::read_to_string(file).unwrap(), "320\n");
}

#[test]
fn a_process_in_no_namespace_is_invalid_to_read_and_forbidden_to_write() {
    let (stage, _, _process) = stage();
    let other = Process::start();
    assert_eq!(errno(fs::read(stage.file(other.id()))), Errno::INVAL);
    assert_eq!(errno(fs::write(stage.file(other.id()), "64")), Errno::PERM);
}

#[test]
fn a_busy_namespace_says_try_again() {
    let (stage, table, process) = stage();
    table.put(process.id(), Err(Refusal::Busy));
    assert_eq!(errno(fs::read(stage.file(process.id()))), Errno::AGAIN);
    assert_eq!(errno(fs::write(stage.file(process.id()), "64")), Errno::AGAIN);
}

#[test]
fn a_dead_process_has_no_directory_and_its_open_file_has_no_process() {
    let (stage, _, process) = stage();
    let path = stage.file(process.id());
    let mut file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let directory = path.parent().unwrap();
    assert!(directory.is_dir());
    drop(process);
    // The table still has the number: it is the tree that notices.
    assert_eq!(errno(file.read(&mut [0; 16])), Errno::SRCH);
    assert_eq!(errno(file.write(b"64")), Errno::SRCH);
    assert_eq!(errno(fs::metadata(directory)), Errno::NOENT);
    assert_eq!(errno(File::open(&path)), Errno::NOENT);
}

#[test]
fn a_process_that_its_namespace_does_not_know_any_more_is_dead() {
    let (stage, table, process) = stage();
    table.put(process.id(), Err(Refusal::NoSuchProcess));
    assert_eq!(errno(fs::read(stage.file(process.id()))), Errno::SRCH);
}

#[test]
fn nothing_else_can_be_changed() {
    let (stage, _, process) = stage();
    let root = stage.place.path();
    let file = stage.file(process.id());
    assert_eq!(errno(fs::set_permissions(&file, fs::Permissions::from_mode(0o666))), Errno::PERM);
    assert_eq!(errno(std::os::unix::fs::chown(&file, Some(54321), None)), Errno::PERM);
    assert_eq!(errno(OpenOptions::new().write(true).open(&file).unwrap().set_len(1)), Errno::PERM);
    OpenOptions::new().write(true).open(&file).unwrap().set_len(0).unwrap();
    assert_eq!(errno(File::create(root.join("new"))), Errno::PERM);
    assert_eq!(errno(fs::create_dir(root.join("new"))), Errno::PERM);
    assert_eq!(errno(fs::remove_file(&file)), Errno::PERM);
    assert_eq!(errno(fs::remove_dir(file.parent().unwrap())), Errno::PERM);
    assert_eq!(errno(fs::rename(&file, root.join("new"))), Errno::PERM);
    assert_eq!(errno(std::os::unix::fs::symlink("x", root.join("new"))), Errno::PERM);
    assert_eq!(errno(fs::hard_link(&file, root.join("new"))), Errno::PERM);
    for name in ["self", "0", "01", "4294967296", "-1"] {
        assert_eq!(fs::metadata(root.join(name)).unwrap_err().kind(), ErrorKind::NotFound, "{name}");
    }
}

fn names(path: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_root_lists_the_processes_in_namespaces_alone() {
    let (stage, _, process) = stage();
    let other = Process::start();
    assert_eq!(names(&stage.place.path()), [process.id().to_string()]);
    assert!(stage.file(other.id()).exists());
    assert_eq!(names(stage.file(process.id()).parent().unwrap()), ["audit_backlog_limit"]);
}

struct Many(Mutex<u32>);

impl Limits for Many {
    fn get(&self, _: u32) -> Result<u32, Refusal> {
        Ok(1)
    }

    fn set(&self, _: u32, _: u32) -> Result<(), Refusal> {
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        *self.0.lock().unwrap() += 1;
        (1..=70_000).rev().collect()
    }
}

#[test]
fn a_long_listing_is_bounded_complete_and_asked_for_once() {
    let many = Arc::new(Many(Mutex::new(0)));
    let stage = Stage::new(Arc::clone(&many) as Arc<dyn Limits>);
    let mut listed: Vec<u32> = names(&stage.place.path()).iter().map(|name| name.parse().unwrap()).collect();
    listed.sort_unstable();
    assert_eq!(listed, (1..=65_536).collect::<Vec<u32>>());
    assert_eq!(*many.0.lock().unwrap(), 1);
}
