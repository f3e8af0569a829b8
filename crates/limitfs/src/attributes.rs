//! What `stat` shows.

use std::time::UNIX_EPOCH;

use fuser::{FileAttr, FileType};

use crate::inode::Node;

/// The attributes of `node`. Sizes are zero, as in `/proc`: the text is made when it is read.
pub(crate) fn of(node: Node) -> FileAttr {
    let (kind, perm, nlink) = match node {
        Node::Root | Node::Directory(_) => (FileType::Directory, 0o555, 2),
        Node::Limit(_) => (FileType::RegularFile, 0o644, 1),
    };
    FileAttr {
        ino: node.number(),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm,
        nlink,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
