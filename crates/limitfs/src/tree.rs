//! The files that there are, their numbers and attributes.

use fuser::{FileAttr, FileType, INodeNo};
use std::time::SystemTime;

/// Name of the one file of each process.
pub(crate) const FILE_NAME: &str = "audit_backlog_limit";

/// A file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Root,
    Folder(u32),
    File(u32),
}

impl Node {
    pub(crate) fn from_inode(inode: INodeNo) -> Option<Node> {
        let pid = u32::try_from(inode.0 >> 1).ok().filter(|pid| *pid != 0);
        match (inode, pid) {
            (INodeNo::ROOT, _) => Some(Node::Root),
            (_, Some(pid)) if inode.0 & 1 == 0 => Some(Node::Folder(pid)),
            (_, Some(pid)) => Some(Node::File(pid)),
            (_, None) => None,
        }
    }

    pub(crate) fn inode(self) -> INodeNo {
        match self {
            Node::Root => INodeNo::ROOT,
            Node::Folder(pid) => INodeNo(u64::from(pid) << 1),
            Node::File(pid) => INodeNo(u64::from(pid) << 1 | 1),
        }
    }

    pub(crate) fn kind(self) -> FileType {
        match self {
            Node::Root | Node::Folder(_) => FileType::Directory,
            Node::File(_) => FileType::RegularFile,
        }
    }

    /// As `/proc` has it: a size of 0, and times that mean nothing.
    pub(crate) fn attributes(self, time: SystemTime) -> FileAttr {
        let (perm, nlink) = match self {
            Node::Root | Node::Folder(_) => (0o555, 2),
            Node::File(_) => (0o644, 1),
        };
        FileAttr {
            ino: self.inode(),
            size: 0,
            blocks: 0,
            atime: time,
            mtime: time,
            ctime: time,
            crtime: time,
            kind: self.kind(),
            perm,
            nlink,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_has_a_number_of_its_own() {
        let nodes = [1, 2, 4_194_304, u32::MAX].map(|pid| [Node::Folder(pid), Node::File(pid)]);
        for node in nodes.into_iter().flatten().chain([Node::Root]) {
            assert_eq!(Node::from_inode(node.inode()), Some(node));
        }
        for inode in [0, 1 << 33, u64::MAX] {
            assert_eq!(Node::from_inode(INodeNo(inode)), None, "{inode}");
        }
    }
}
