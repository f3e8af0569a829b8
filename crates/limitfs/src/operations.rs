//! What the kernel asks, and the answers. Nothing is remembered between two requests, so nobody can use anything up.

use crate::limits::Limits;
use crate::tree::{FILE_NAME, Node};
use crate::{number, process};
use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig, LockOwner,
    OpenAccMode, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The kernel is to keep neither names nor attributes: processes come and go.
const KEEP: Duration = Duration::ZERO;
/// Bytes of one request to write; more than is ever accepted.
const WRITE_BYTES: u32 = 4096;
/// Positions in a listing: after `.`, after `..`, and then the last number listed plus this.
const AFTER_DOTS: u64 = 2;

/// The file system.
pub(crate) struct Operations {
    pub(crate) limits: Arc<dyn Limits>,
    pub(crate) mounted: SystemTime,
}

impl Operations {
    fn find(&self, parent: INodeNo, name: &OsStr) -> Option<Node> {
        match Node::from_inode(parent)? {
            Node::Root => {
                let pid = number::pid(name.as_bytes())?;
                process::started(pid).map(|_| Node::Folder(pid))
            }
            Node::Folder(pid) => (name == FILE_NAME).then_some(Node::File(pid)),
            Node::File(_) => None,
        }
    }

    fn open_file(request: &Request, inode: INodeNo, flags: OpenFlags) -> Result<FileHandle, Errno> {
        let pid = file(inode)?;
        if flags.acc_mode() != OpenAccMode::O_RDONLY {
            check_writer(request)?;
        }
        process::started(pid).map(FileHandle).ok_or(Errno::ESRCH)
    }

    fn read_limit(&self, inode: INodeNo, opened: FileHandle) -> Result<u32, Errno> {
        let pid = same_process(inode, opened)?;
        self.limits.get(pid).map_err(crate::Refusal::of_reading)
    }

    fn write_limit(
        &self,
        request: &Request,
        inode: INodeNo,
        opened: FileHandle,
        offset: u64,
        written: &[u8],
    ) -> Result<(), Errno> {
        check_writer(request)?;
        let limit = number::limit(written).filter(|_| offset == 0).ok_or(Errno::EINVAL)?;
        let pid = same_process(inode, opened)?;
        self.limits.set(pid, limit).map_err(crate::Refusal::of_writing)
    }

    /// Entries after a position, each with the position after itself.
    fn entries(&self, inode: INodeNo, position: u64) -> Result<Vec<(u64, Node, String)>, Errno> {
        let node = Node::from_inode(inode).ok_or(Errno::ENOENT)?;
        let mut entries = vec![(1, node, ".".to_owned()), (AFTER_DOTS, Node::Root, "..".to_owned())];
        match node {
            Node::Root => {
                let mut pids = self.limits.pids();
                pids.sort_unstable();
                pids.dedup();
                let folder = |pid: u32| (AFTER_DOTS + u64::from(pid), Node::Folder(pid), pid.to_string());
                entries.extend(pids.into_iter().filter(|pid| *pid != 0).map(folder));
            }
            Node::Folder(pid) => entries.push((AFTER_DOTS + 1, Node::File(pid), FILE_NAME.to_owned())),
            Node::File(_) => return Err(Errno::ENOTDIR),
        }
        entries.retain(|(after, _, _)| *after > position);
        Ok(entries)
    }
}

fn file(inode: INodeNo) -> Result<u32, Errno> {
    match Node::from_inode(inode) {
        Some(Node::File(pid)) => Ok(pid),
        Some(_) => Err(Errno::EISDIR),
        None => Err(Errno::ENOENT),
    }
}

/// The process of an open file, if it is the one that was there when the file was opened.
fn same_process(inode: INodeNo, opened: FileHandle) -> Result<u32, Errno> {
    let pid = file(inode)?;
    if process::started(pid) == Some(opened.0) { Ok(pid) } else { Err(Errno::ESRCH) }
}

/// The kernel has compared the mode with a user id, which can be root's in a user namespace, too.
fn check_writer(request: &Request) -> Result<(), Errno> {
    let is_host_root = request.uid() == 0 && process::is_in_initial_user_namespace(request.pid());
    if is_host_root { Ok(()) } else { Err(Errno::EPERM) }
}

impl Filesystem for Operations {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let _ = config.set_max_write(WRITE_BYTES);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.find(parent, name) {
            Some(node) => reply.entry(&KEEP, &node.attributes(self.mounted), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match Node::from_inode(inode) {
            Some(node) => reply.attr(&KEEP, &node.attributes(self.mounted)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        inode: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let is_other = [mode, uid, gid].iter().any(Option::is_some)
            || [atime, mtime].iter().any(Option::is_some)
            || ctime.is_some();
        let allowed = match size {
            _ if is_other => Err(Errno::EPERM),
            // Opening with O_TRUNC.
            Some(0) => check_writer(request),
            Some(_) => Err(Errno::EINVAL),
            None => Ok(()),
        };
        match allowed {
            Ok(()) => self.getattr(request, inode, handle, reply),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, request: &Request, inode: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        match Operations::open_file(request, inode, flags) {
            Ok(handle) => reply.opened(handle, FopenFlags::FOPEN_DIRECT_IO),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_limit(inode, handle) {
            Ok(limit) => {
                let text = format!("{limit}\n");
                let offset = usize::try_from(offset).unwrap_or(usize::MAX);
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let rest = text.as_bytes().get(offset..).unwrap_or_default();
                reply.data(rest.get(..size).unwrap_or(rest));
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn write(
        &self,
        request: &Request,
        inode: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_limit(request, inode, handle, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        reply.ok();
    }

    fn readdir(&self, _: &Request, inode: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        match self.entries(inode, offset) {
            Ok(entries) => {
                for (after, node, name) in entries {
                    if reply.add(node.inode(), after, node.kind(), &name) {
                        break;
                    }
                }
                reply.ok();
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }

    fn create(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        reply.error(Errno::EPERM);
    }

    fn unlink(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EPERM);
    }

    fn rmdir(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
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
