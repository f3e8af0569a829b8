//! Why there are no files.

use std::io;

/// Why [`crate::mount`] failed, a variant for each step.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// `/dev/fuse` could not be opened.
    #[error(
        "cannot open /dev/fuse for the files of login user ids: {0}; load the module with `modprobe fuse`"
    )]
    OpenDevice(#[source] io::Error),
    /// The kernel has no FUSE, or this user may not mount.
    #[error("cannot make a FUSE file system for login user ids: {0}; this needs CAP_SYS_ADMIN")]
    OpenFileSystem(#[source] io::Error),
    /// An option was refused.
    #[error("the kernel refuses the option {option} for the files of login user ids: {source}")]
    Configure {
        /// The option.
        option: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The mount was refused.
    #[error("cannot mount the files of login user ids: {0}; this needs CAP_SYS_ADMIN")]
    Mount(#[source] io::Error),
    /// The kernel and this program could not agree on a FUSE protocol.
    #[error(
        "cannot begin the FUSE session of the files of login user ids: {0}; Linux 5.4 or later is needed"
    )]
    Handshake(#[source] io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread that serves the files of login user ids: {0}; raise the limit on threads")]
    StartThread(#[source] io::Error),
}
