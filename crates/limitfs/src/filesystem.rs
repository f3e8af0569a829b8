//! The answers to the kernel's requests.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, InitFlags,
    KernelConfig, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use crate::admission::{Admission, Permit};
use crate::attributes;
use crate::inode::Node;
use crate::limits::{Limits, Refusal};
use crate::listing::Listing;
use crate::number::{limit_of_text, process_of_name};
use crate::process::{is_in_initial_user_namespace, start_of};

const FILE_NAME: &str = "audit_backlog_limit";

/// Processes come and go without notice, so the kernel keeps nothing.
const KEEP: Duration = Duration::ZERO;

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

    fn child(&self, parent: INodeNo, name: &OsStr) -> Result<Node, Errno> {
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

    fn existing(&self, number: INodeNo) -> Result<Node, Errno> {
        self.alive()?;
        let node = Node::from_number(number).ok_or(Errno::ENOENT)?;
        match node {
            Node::Directory(pid) | Node::Limit(pid) if start_of(pid).is_none() => Err(Errno::ENOENT),
            _ => Ok(node),
        }
    }

    fn read_limit(&self, request: &Request, number: INodeNo, handle: FileHandle) -> Result<String, Errno> {
        let pid = opened_process(number, handle)?;
        let _permit = self.admit(request)?;
        let limit = self.limits.get(pid).map_err(Refusal::of_read)?;
        Ok(format!("{limit}\n"))
    }

    fn write_limit(
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

    fn list(
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

/// What is left of `text` from `offset` on, at most `size` bytes.
fn part(text: &str, offset: u64, size: u32) -> &[u8] {
    let rest = usize::try_from(offset).ok().and_then(|offset| text.as_bytes().get(offset..)).unwrap_or(&[]);
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    rest.get(..length).unwrap_or(rest)
}

impl Filesystem for Tree {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // Without it a listing that takes long would keep every lookup in the root waiting. Kernels without it only
        // lose that.
        let _ = config.add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS);
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.child(parent, name) {
            Ok(node) => reply.entry(&KEEP, &attributes::of(node), Generation(0)),
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, _request: &Request, number: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.existing(number) {
            Ok(node) => reply.attr(&KEEP, &attributes::of(node)),
            Err(errno) => reply.error(errno),
        }
    }

    // A size of zero is what opening with O_TRUNC asks for; the times come along with it.
    fn setattr(
        &self,
        _request: &Request,
        number: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _accessed: Option<TimeOrNow>,
        _modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _attributes_changed: Option<SystemTime>,
        _saved: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        match self.existing(number) {
            Ok(node @ Node::Limit(_))
                if size == Some(0) && mode.is_none() && uid.is_none() && gid.is_none() =>
            {
                reply.attr(&KEEP, &attributes::of(node));
            }
            Ok(_) => reply.error(Errno::EPERM),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _request: &Request, number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let start = match (self.alive(), Node::from_number(number)) {
            (Err(errno), _) => Err(errno),
            (Ok(()), Some(Node::Limit(pid))) => start_of(pid).ok_or(Errno::ESRCH),
            (Ok(()), _) => Err(Errno::EISDIR),
        };
        match start {
            Ok(start) => reply.opened(FileHandle(start), FopenFlags::FOPEN_DIRECT_IO),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        request: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_limit(request, number, handle) {
            Ok(text) => reply.data(part(&text, offset, size)),
            Err(errno) => reply.error(errno),
        }
    }

    fn write(
        &self,
        request: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        // What the kernel writes back later has no writer whose namespace could be looked at.
        if write_flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
            return reply.error(Errno::EPERM);
        }
        match self.write_limit(request, number, handle, offset, data) {
            Ok(length) => reply.written(length),
            Err(errno) => reply.error(errno),
        }
    }

    fn readdir(
        &self,
        request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        match self.list(request, number, offset, &mut reply) {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn create(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        reply.error(Errno::EPERM);
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn unlink(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EPERM);
    }

    fn rmdir(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EPERM);
    }

    fn symlink(&self, _: &Request, _: INodeNo, _: &OsStr, _: &Path, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn link(&self, _: &Request, _: INodeNo, _: INodeNo, _: &OsStr, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        _: &OsStr,
        _: INodeNo,
        _: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EPERM);
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_stays_within_the_text() {
        assert_eq!(part("64\n", 0, 100), b"64\n");
        assert_eq!(part("64\n", 1, 1), b"4");
        assert_eq!(part("64\n", 3, 100), b"");
        assert_eq!(part("64\n", u64::MAX, u32::MAX), b"");
        assert_eq!(part("64\n", 0, 0), b"");
    }
}
