//! What the files are about.

use fuser::INodeNo;

use crate::reply::{ReadReply, WriteReply};

/// Which file: the supervisor's choice, from 2. It is the number of the file's inode as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileNumber(pub u64);

impl FileNumber {
    /// The file of an inode; `None` for the root, which is no file.
    pub(crate) fn of(node: INodeNo) -> Option<Self> {
        (node.0 > INodeNo::ROOT.0).then_some(Self(node.0))
    }
}

/// What a descriptor is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `O_RDONLY`.
    Read,
    /// `O_WRONLY`.
    Write,
    /// `O_RDWR`.
    ReadWrite,
}

/// A write(2) to a file.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Which file.
    pub file: FileNumber,
    /// Thread id of the writer in the pid namespace in which the files were mounted; 0 if it has none there.
    pub writer: u32,
    /// Number of the call, never 0. Only a call that a killed predecessor may have answered comes again, with its number.
    pub call: u64,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// What: its first 34 bytes, since the kernel looks at no more (`kstrtouint_from_user`).
    pub text: &'a [u8],
    /// How many bytes are written in all, at most 4096: a longer write comes in parts.
    pub length: u32,
}

/// Whoever has the values.
///
/// Methods are called in the file system's threads, of which there are few, so they must not block. Each reply may be
/// given later and from any thread. It has to be given: the caller sleeps until then, and not even SIGKILL ends that. A
/// reply that is dropped says `EIO`.
pub trait Logins: Send + Sync + 'static {
    /// A file is read by the thread `reader`, as of [`Write::writer`].
    fn read(&self, file: FileNumber, reader: u32, reply: ReadReply);

    /// A file is written to.
    fn write(&self, write: Write<'_>, reply: WriteReply);

    /// What one open of a file has given is closed everywhere.
    fn closed(&self, file: FileNumber);
}
