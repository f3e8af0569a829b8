//! The kernel's requests.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig, LockOwner,
    OpenFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

use crate::attributes;
use crate::logins::{FileNumber, Logins, Write};
use crate::reply::{ReadReply, WriteReply};
use crate::waiting::Waiting;

/// The kernel keeps nothing: owners depend on who asks.
const KEEP: Duration = Duration::ZERO;

/// The longest write, in bytes, that comes in one piece; the least that the kernel takes.
const LONGEST_WRITE: u32 = 4096;

/// How many bytes of a write the kernel looks at.
const LONGEST_TEXT: usize = 34;

/// Values change, so each read asks. Nothing is told when a descriptor is closed: whoever does that waits for the answer, and
/// not even SIGKILL ends that, so a supervisor that is killed with a file open would never be gone.
const OPENED: FopenFlags = FopenFlags::FOPEN_DIRECT_IO.union(FopenFlags::FOPEN_NOFLUSH);

/// Set in the number of a request that is sent again.
const AGAIN: u64 = 1 << 63;

/// The files, without what they say.
pub(crate) struct Files {
    logins: Arc<dyn Logins>,
    ended: Arc<AtomicBool>,
    waiting: Waiting,
}

impl Files {
    pub(crate) fn new(logins: Arc<dyn Logins>, ended: Arc<AtomicBool>) -> Self {
        Self { logins, ended, waiting: Waiting::default() }
    }

    fn alive(&self) -> Result<(), Errno> {
        if self.ended.load(Ordering::Acquire) { Err(Errno::ENOTCONN) } else { Ok(()) }
    }
}

/// The file with that name: its number, written as numbers are printed.
fn named(name: &OsStr) -> Option<FileNumber> {
    let name = name.to_str()?;
    let number: u64 = name.parse().ok()?;
    (number.to_string() == name).then(|| FileNumber::of(INodeNo(number)))?
}

fn text_of(data: &[u8]) -> &[u8] {
    data.get(..LONGEST_TEXT).unwrap_or(data)
}

impl Filesystem for Files {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        config.set_max_write(LONGEST_WRITE).map(drop).map_err(|nearest| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("longest write {LONGEST_WRITE}, nearest {nearest}"),
            )
        })
    }

    // Members have no way to the root; this is for one that got hold of it nevertheless.
    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.alive().and_then(|()| {
            if request.uid() != 0 || parent != INodeNo::ROOT {
                return Err(Errno::EACCES);
            }
            named(name).ok_or(Errno::ENOENT)
        });
        match found {
            Ok(file) => reply.entry(&KEEP, &attributes::of(INodeNo(file.0), request), Generation(0)),
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, request: &Request, node: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&KEEP, &attributes::of(node, request));
    }

    // O_TRUNC and ftruncate to nothing change nothing and succeed, as for the kernel's file; the times come along.
    fn setattr(
        &self,
        request: &Request,
        node: INodeNo,
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
        let unchanged = mode.is_none() && uid.is_none() && gid.is_none() && size == Some(0);
        if unchanged && FileNumber::of(node).is_some() {
            reply.attr(&KEEP, &attributes::of(node, request));
        } else {
            reply.error(Errno::EPERM);
        }
    }

    fn open(&self, _request: &Request, node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.alive().and_then(|()| FileNumber::of(node).ok_or(Errno::EISDIR)) {
            Ok(_) => reply.opened(FileHandle(0), OPENED),
            Err(errno) => reply.error(errno),
        }
    }

    fn opendir(&self, _request: &Request, _node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.error(Errno::EACCES);
    }

    fn read(
        &self,
        request: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        if let Err(errno) = self.alive() {
            return reply.error(errno);
        }
        let Some(file) = FileNumber::of(node) else { return reply.error(Errno::EISDIR) };
        match self.waiting.enter(file) {
            Some(place) => {
                self.logins.read(file, request.pid(), ReadReply::new(reply, offset, size, place));
            }
            None => reply.error(Errno::EAGAIN),
        }
    }

    fn write(
        &self,
        request: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        // What the kernel writes back later has no writer.
        if write_flags.contains(WriteFlags::FUSE_WRITE_CACHE) {
            return reply.error(Errno::EPERM);
        }
        if let Err(errno) = self.alive() {
            return reply.error(errno);
        }
        let (Some(file), Ok(length)) = (FileNumber::of(node), u32::try_from(data.len())) else {
            return reply.error(Errno::EINVAL);
        };
        let Some(place) = self.waiting.enter(file) else { return reply.error(Errno::EAGAIN) };
        let call = request.unique().0 & !AGAIN;
        let write = Write { file, writer: request.pid(), call, offset, text: text_of(data), length };
        self.logins.write(write, WriteReply::new(reply, place));
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn release(
        &self,
        _request: &Request,
        node: INodeNo,
        _handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
        if let Some(file) = FileNumber::of(node)
            && self.alive().is_ok()
        {
            self.logins.closed(file);
        }
    }

    fn create(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: i32, reply: ReplyCreate) {
        reply.error(Errno::EPERM);
    }

    fn mknod(&self, _: &Request, _: INodeNo, _: &OsStr, _: u32, _: u32, _: u32, reply: ReplyEntry) {
        reply.error(Errno::EPERM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbers_as_printed() {
        assert_eq!(named(OsStr::new("2")), Some(FileNumber(2)));
        assert_eq!(named(OsStr::new(&u64::MAX.to_string())), Some(FileNumber(u64::MAX)));
        for none in ["", "0", "1", "02", "+2", "-2", "18446744073709551616", "self", " 2"] {
            assert_eq!(named(OsStr::new(none)), None, "{none:?}");
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_is_looked_at() {
        assert_eq!(text_of(b"1000"), b"1000");
        assert_eq!(text_of(&[b'1'; 4096]), [b'1'; 34]);
    }
}
