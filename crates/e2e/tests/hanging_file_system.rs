//! A container's own file system that never answers holds a thread of the supervisor for ever, also beyond SIGKILL. Audit goes
//! on, of this container and of others.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use auditns_e2e::process::{Running, until};
use auditns_e2e::supervised::Supervisor;
use fuser::{
    Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyEntry, ReplyOpen, Request, SessionACL,
};
use rustix::process::{Pid, Signal, kill_process};

const LIMIT: Duration = Duration::from_secs(30);
/// Nothing is kept by the kernel.
const KEEP: Duration = Duration::ZERO;
const PROGRAM: INodeNo = INodeNo(2);
const NAME: &str = "program";

/// A file system with one program. It answers everybody but one process that opens it.
struct Hanging {
    bytes: Vec<u8>,
    unanswered: u32,
    held: Arc<Mutex<Vec<ReplyOpen>>>,
}

impl Hanging {
    fn attributes(&self, node: INodeNo) -> FileAttr {
        let is_program = node == PROGRAM;
        let never = SystemTime::UNIX_EPOCH;
        FileAttr {
            ino: node,
            size: if is_program { self.bytes.len() as u64 } else { 0 },
            blocks: 0,
            atime: never,
            mtime: never,
            ctime: never,
            crtime: never,
            kind: if is_program { FileType::RegularFile } else { FileType::Directory },
            perm: 0o755,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Hanging {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        if name == NAME {
            reply.entry(&KEEP, &self.attributes(PROGRAM), Generation(0));
        } else {
            reply.error(Errno::ENOENT);
        }
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEEP, &self.attributes(node));
    }

    fn open(&self, request: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        let thread = format!("/proc/{}/task/{}", self.unanswered, request.pid());
        if Path::new(&thread).exists() {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).push(reply);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        }
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or(&[]);
        reply.data(rest.get(..size as usize).unwrap_or(rest));
    }
}

const AUDITCTL: &str = "/usr/sbin/auditctl";

/// Sends a message and waits for its acknowledgement.
fn speak(supervisor: &Supervisor, namespace: &str, program: &Path) -> Running {
    Running::start(supervisor.namespace(namespace).arg(program).args(["-m", namespace]))
}

/// Answers everybody in the end.
struct Release(Arc<Mutex<Vec<ReplyOpen>>>);

impl Drop for Release {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The servers that the keeper has as children, those that have ended included.
fn servers(supervisor: &Supervisor) -> Vec<Pid> {
    let keeper = supervisor.keeper();
    let children = fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

#[test]
fn a_supervisor_that_cannot_end_is_followed_by_another_one() {
    let mut supervisor = Supervisor::start("hanging-fs");
    let (mount, held) = (supervisor.dir().folder("files"), Arc::<Mutex<Vec<ReplyOpen>>>::default());
    let bytes = fs::read(AUDITCTL).expect("auditctl is there");
    let first = supervisor.pid().expect("a supervisor runs");
    let unanswered = first.as_raw_pid().cast_unsigned();
    let files = Hanging { bytes, unanswered, held: Arc::clone(&held) };
    let mut config = Config::default();
    config.acl = SessionACL::RootAndOwner;
    config.mount_options = vec![MountOption::FSName("hanging".to_owned())];
    let session = fuser::spawn_mount(files, &mount, &config).expect("FUSE is there");
    // Before the supervisor is dropped, which waits for everybody.
    let release = Release(Arc::clone(&held));
    let stays = Running::start(supervisor.namespace("stays").args(["sleep", "1000"]));
    assert!(until(LIMIT, || supervisor.shown_if_there("stays", "restarts") == Some(0)), "it does not start");
    let member = supervisor.shown("stays", "pid");

    // Whether it is a Go program has to be read in its executable.
    let hanging = speak(&supervisor, "hanging", &mount.join(NAME));
    let waiting = || held.lock().unwrap_or_else(PoisonError::into_inner).len();
    assert!(until(LIMIT, || waiting() > 0), "nobody has opened the executable");
    kill_process(first, Signal::KILL).expect("it is there");
    assert!(until(LIMIT, || servers(&supervisor).len() == 2), "nobody follows");
    for (name, member) in [("hanging", hanging), ("other", speak(&supervisor, "other", Path::new(AUDITCTL)))]
    {
        let told = member.finish_within(LIMIT);
        assert_eq!(told.code(), Some(0), "{}", told.report());
        assert!(supervisor.log(name).records.iter().any(|record| record.has(name)), "{name} is not stored");
    }
    assert_eq!(supervisor.shown("stays", "restarts"), 1, "it is served as before");
    let limit = supervisor.dir().path().join(format!("run/proc/{member}/audit_backlog_limit"));
    let read = || fs::read_to_string(&limit).ok();
    assert!(until(LIMIT, || read().as_deref() == Some("64\n")), "no tree of limits anew: {:?}", read());
    assert!(servers(&supervisor).contains(&first), "it has ended after all; this test is of no use");

    drop(release);
    assert!(until(LIMIT, || !servers(&supervisor).contains(&first)), "nobody has waited for it");
    drop((session, stays));
    supervisor.stop();
}
