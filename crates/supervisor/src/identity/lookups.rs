//! Answers to what a namespace asks about a datagram before it is handled.

use super::owner::Owner;
use crate::time::started;
use auditns_core::rules::{FileId, PathAnswer, PathAnswers, PathKind, PathQuestion};
use auditns_core::{Answers, Inquiry, ProcessId, Sender, TaskDetails};
use auditns_sys::identity::Brief;
use auditns_sys::identity::details::{self as sys, Details};
use auditns_sys::identity::{NamespaceFile, namespace, process};
use auditns_sys::path::Root;
use auditns_wire::Errno;
use auditns_wire::record::{Ids, TaskIds, Viewed};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Most ancestors that are looked at.
const ANCESTORS_MAX: usize = 64;

/// Longest path and longest component the kernel looks up, in bytes.
const PATH_LENGTH_MAX: usize = 4095;

/// Everything but the paths.
pub(crate) fn answers(inquiry: &Inquiry, sender: &Sender, owner: &Owner) -> Answers {
    let pid = sender.process.pid;
    let mut answers = Answers::default();
    if inquiry.details || inquiry.exe {
        let found = sys::of(pid).ok();
        answers.exe = found.as_ref().and_then(|found| found.executable_id).map(file_id);
        if inquiry.details {
            answers.details = found.map(|found| task_details(found, owner));
        }
    }
    if inquiry.ancestors {
        answers.ancestors = ancestors(pid);
    }
    answers
}

/// Looks paths up as the process sees them. The file systems on the way may be the member's own (FUSE) and answer late
/// or never.
pub(crate) fn path_answers(pid: u32, questions: &[PathQuestion]) -> PathAnswers {
    let root = Root::of_pid(pid);
    let root = root.as_ref().map_err(|error| errno(error.raw_os_error()));
    let answer = |question: &PathQuestion| root.and_then(|root| look_up(root, question));
    questions.iter().map(|question| (question.clone(), answer(question))).collect()
}

fn task_details(found: Details, owner: &Owner) -> TaskDetails {
    let host = TaskIds {
        ppid: found.parent,
        gid: found.groups.real,
        euid: found.users.effective,
        suid: found.users.saved,
        fsuid: found.users.filesystem,
        egid: found.groups.effective,
        sgid: found.groups.saved,
        fsgid: found.groups.filesystem,
    };
    let user = |uid| owner.uid_inside(uid).unwrap_or(Ids::UNSET);
    let group = |gid| owner.gid_inside(gid).unwrap_or(Ids::UNSET);
    let namespace = TaskIds {
        ppid: namespace::tgid_in(owner.pid_namespace(), found.parent).unwrap_or(0),
        gid: group(host.gid),
        euid: user(host.euid),
        suid: user(host.suid),
        fsuid: user(host.fsuid),
        egid: group(host.egid),
        sgid: group(host.sgid),
        fsgid: group(host.fsgid),
    };
    TaskDetails {
        task: Viewed { namespace, host },
        tty: found.terminal.into_bytes(),
        comm: found.command,
        exe: found.executable,
    }
}

/// The ancestors of a process, parent first, at most [`ANCESTORS_MAX`].
pub(crate) fn ancestors(pid: u32) -> Vec<ProcessId> {
    let mut line = Vec::new();
    let mut pid = pid;
    while line.len() < ANCESTORS_MAX {
        match Brief::of(pid) {
            Ok(Brief { parent, .. }) if parent != 0 => pid = parent,
            _ => break,
        }
        let Ok(ticks) = process::start_time(pid) else { break };
        line.push(ProcessId { pid, started: started(ticks) });
    }
    line
}

/// Whether a process is in a pid namespace or one inside it.
pub(crate) fn is_in(pid_namespace: &NamespaceFile, pid: u32) -> bool {
    namespace::tgid_in(pid_namespace, pid).is_ok_and(|inside| inside != 0)
}

/// Kernel: `kern_path` and `kern_path_parent`.
fn look_up(root: &Root, question: &PathQuestion) -> PathAnswer {
    if question.path.len() > PATH_LENGTH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    let last = question.path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let path = Path::new(OsStr::from_bytes(&question.path));
    let resolution = root.resolve(path, false);
    if question.kind != PathKind::Dir {
        if let Err(error) = resolution.parent {
            return Err(errno(Some(error)));
        }
        if last.is_empty() || last == b"." || last == b".." {
            return Err(Errno::EINVAL);
        }
    }
    match resolution.target {
        Ok(found) => Ok(Some(FileId { device: found.device, inode: found.inode })),
        Err(error) if question.kind != PathKind::Dir && errno(Some(error)) == Errno::ENOENT => Ok(None),
        Err(error) => Err(errno(Some(error))),
    }
}

fn errno(number: Option<i32>) -> Errno {
    number.map_or(Errno::EIO, Errno)
}

fn file_id(id: auditns_sys::identity::FileId) -> FileId {
    FileId { device: id.device, inode: id.inode }
}
