//! What `fstat` shows.

use std::time::UNIX_EPOCH;

use fuser::{FileAttr, FileType, INodeNo, Request};

/// The attributes of a file, or of the root, as the one who asks sees them. Files in `/proc` have no size, and a task's own
/// belong to the task's user.
pub(crate) fn of(node: INodeNo, asker: &Request) -> FileAttr {
    let root = node == INodeNo::ROOT;
    let (kind, perm, nlink) =
        if root { (FileType::Directory, 0o700, 2) } else { (FileType::RegularFile, 0o644, 1) };
    let (uid, gid) = if root { (0, 0) } else { (asker.uid(), asker.gid()) };
    FileAttr {
        ino: node,
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink,
        uid,
        gid,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
