//! Why the tree could not be mounted.

use std::io;
use std::path::PathBuf;

/// Why [`crate::LimitFs::mount`] failed, a variant for each step.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point could not be looked at.
    #[error("cannot look at the mount point {path:?}: {source}; create the directory first")]
    Inspect {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The mount point is not a directory.
    #[error("the mount point {path:?} is not a directory; name one")]
    NotADirectory {
        /// The mount point.
        path: PathBuf,
    },
    /// Another FUSE file system is mounted there already.
    #[error(
        "a FUSE file system is mounted at {path:?} that is not of auditns; unmount it or name another directory"
    )]
    Occupied {
        /// The mount point.
        path: PathBuf,
    },
    /// The mount of a predecessor could not be removed.
    #[error("cannot unmount what a predecessor left at {path:?}: {source}; try `umount -l` as root")]
    Detach {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More trees lie on each other than are removed in one go.
    #[error("more than {most} trees of predecessors lie on {path:?}; remove them with `umount -l` as root")]
    TooManyTrees {
        /// The mount point.
        path: PathBuf,
        /// The most that are removed.
        most: usize,
    },
    /// `/dev/fuse` could not be opened.
    #[error("cannot open /dev/fuse: {source}; load the module with `modprobe fuse`")]
    OpenDevice {
        /// What the system said.
        source: io::Error,
    },
    /// The system refused the mount.
    #[error("cannot mount at {path:?}: {source}; this needs root of the host")]
    Mount {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel and this program could not agree on a FUSE protocol.
    #[error("cannot begin the FUSE session for {path:?}: {source}; Linux 5.4 or later is needed")]
    Handshake {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The session's thread could not be started.
    #[error("cannot start the thread that serves {path:?}: {source}; raise the limit on threads")]
    StartThread {
        /// The mount point.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
