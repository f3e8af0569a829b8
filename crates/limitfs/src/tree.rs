//! What there is in the tree, and who may do what with it.

use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{Errno, FileHandle, FileType, INodeNo, ReplyDirectory, Request};

use crate::admission::{Admission, Permit};
use crate::inode::Node;
use crate::limits::{Limits, Refusal};
use crate::listing::Listing;
use crate::number::{limit_of_text, process_of_name};
use crate::process::{is_in_initial_user_namespace, start_of};

const FILE_NAME: &str = "audit_backlog_limit";

/// Positions of the first two entries of a directory; that of a process is its number and these.
const SELF_POSITION: u64 = 1;
const PARENT_POSITION: u64 = 2;

/// The tree. A file handle is the start of the process it was opened for: the file of a process that has ended does
/// not become that of a later process with its number.
pub(crate) struct Tree {
    limits: Arc<dyn Limits>,
    ended: Arc<AtomicBool>,
    admission: Admission,
    listing: Listing,
}

impl Tree {
    pub(crate) fn new(limits: Arc<dyn Limits>, ended: Arc<AtomicBool>) -> Self {
        Self { limits, ended, admission: Admission::default(), listing: Listing::default() }
    }

    fn alive(&self) -> Result<(), Errno> {
        if self.ended.load(Ordering::Acquire) { Err(Errno::ENOTCONN) } else { Ok(()) }
    }

    fn admit(&self, request: &Request) -> Result<Permit<'_>, Errno> {
        self.alive()?;
        self.admission.admit(request.uid()).ok_or(Errno::EAGAIN)
    }

    pub(crate) fn child(&self, parent: INodeNo, name: &OsStr) -> Result<Node, Errno> {
        self.alive()?;
        match Node::from_number(parent) {
            Some(Node::Root) => {
                let pid = process_of_name(name).ok_or(Errno::ENOENT)?;
                start_of(pid).map(|_| Node::Directory(pid)).ok_or(Errno::ENOENT)
            }
            Some(Node::Directory(pid)) if name == FILE_NAME && start_of(pid).is_some() => {
                Ok(Node::Limit(pid))
            }
            Some(Node::Directory(_)) | None => Err(Errno::ENOENT),
            Some(Node::Limit(_)) => Err(Errno::ENOTDIR),
        }
    }

    pub(crate) fn existing(&self, number: INodeNo) -> Result<Node, Errno> {
        self.alive()?;
        let node = Node::from_number(number).ok_or(Errno::ENOENT)?;
        match node {
            Node::Directory(pid) | Node::Limit(pid) if start_of(pid).is_none() => Err(Errno::ENOENT),
            _ => Ok(node),
        }
    }

    pub(crate) fn open_limit(&self, number: INodeNo) -> Result<FileHandle, Errno> {
        self.alive()?;
        match Node::from_number(number) {
            Some(Node::Limit(pid)) => start_of(pid).map(FileHandle).ok_or(Errno::ESRCH),
            Some(Node::Root | Node::Directory(_)) | None => Err(Errno::EISDIR),
        }
    }

    pub(crate) fn read_limit(
        &self,
        request: &Request,
        number: INodeNo,
        handle: FileHandle,
    ) -> Result<String, Errno> {
        let pid = opened_process(number, handle)?;
        let _permit = self.admit(request)?;
        let limit = self.limits.get(pid).map_err(Refusal::of_read)?;
        Ok(format!("{limit}\n"))
    }

    pub(crate) fn write_limit(
        &self,
        request: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        text: &[u8],
    ) -> Result<u32, Errno> {
        // The kernel's check of the mode takes root of a user namespace that maps root, and whoever holds
        // CAP_DAC_OVERRIDE, for root. The writer waits for this answer, so its number is still its own.
        if request.uid() != 0 || !is_in_initial_user_namespace(request.pid()) {
            return Err(Errno::EPERM);
        }
        if offset != 0 {
            return Err(Errno::EINVAL);
        }
        let limit = limit_of_text(text).ok_or(Errno::EINVAL)?;
        let pid = opened_process(number, handle)?;
        let _permit = self.admit(request)?;
        self.limits.set(pid, limit).map_err(Refusal::of_write)?;
        u32::try_from(text.len()).map_err(|_| Errno::EINVAL)
    }

    fn list_root(&self, request: &Request, offset: u64, reply: &mut ReplyDirectory) -> Result<(), Errno> {
        let pids = if offset == 0 {
            let _permit = self.admit(request)?;
            self.listing.replace(self.limits.pids())
        } else {
            self.alive()?;
            self.listing.newest()
        };
        if list_ends(offset, Node::Root, reply) {
            return Ok(());
        }
        let first = pids.partition_point(|pid| u64::from(*pid) + PARENT_POSITION <= offset);
        for pid in pids.iter().skip(first) {
            let position = u64::from(*pid) + PARENT_POSITION;
            if reply.add(Node::Directory(*pid).number(), position, FileType::Directory, pid.to_string()) {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn list(
        &self,
        request: &Request,
        number: INodeNo,
        offset: u64,
        reply: &mut ReplyDirectory,
    ) -> Result<(), Errno> {
        match self.existing(number)? {
            Node::Root => self.list_root(request, offset, reply),
            Node::Directory(pid) => {
                let position = PARENT_POSITION + 1;
                if !list_ends(offset, Node::Directory(pid), reply) && offset < position {
                    let _ = reply.add(Node::Limit(pid).number(), position, FileType::RegularFile, FILE_NAME);
                }
                Ok(())
            }
            Node::Limit(_) => Err(Errno::ENOTDIR),
        }
    }
}

fn opened_process(number: INodeNo, handle: FileHandle) -> Result<u32, Errno> {
    let Some(Node::Limit(pid)) = Node::from_number(number) else { return Err(Errno::EINVAL) };
    if start_of(pid) == Some(handle.0) { Ok(pid) } else { Err(Errno::ESRCH) }
}

/// Lists `.` and `..` from `offset` on; whether the reply is full.
fn list_ends(offset: u64, node: Node, reply: &mut ReplyDirectory) -> bool {
    (offset < SELF_POSITION && reply.add(node.number(), SELF_POSITION, FileType::Directory, "."))
        || (offset < PARENT_POSITION && reply.add(INodeNo::ROOT, PARENT_POSITION, FileType::Directory, ".."))
}
