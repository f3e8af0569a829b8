//! Why the file system cannot be mounted.

use std::io;
use std::path::PathBuf;

/// Why the file system cannot be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The folder cannot be opened.
    #[error(
        "the folder {path:?} for the files PID/audit_backlog_limit cannot be opened ({error}); make it first"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is mounted there cannot be found out.
    #[error("what is mounted at {path:?} cannot be found out ({error}); is /proc mounted?")]
    Inspect {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process serves the folder.
    #[error("another process serves {path:?} already; end it, or run: umount --lazy {path:?}")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// What a killed process has left cannot be unmounted.
    #[error(
        "what a killed process left at {path:?} cannot be unmounted ({error}); run: umount --lazy {path:?}"
    )]
    Leftover {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The device cannot be opened.
    #[error("/dev/fuse cannot be opened ({0}); run as root, after: modprobe fuse")]
    Device(#[source] io::Error),
    /// The kernel does not make the file system.
    #[error(
        "the kernel does not make a FUSE file system: {step} failed ({error}); run as root, on Linux 5.14 or later"
    )]
    Create {
        /// What failed.
        step: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The kernel and this program do not agree about the protocol.
    #[error(
        "the kernel does not begin to use the FUSE file system ({0}); its version may be too old or too new"
    )]
    Handshake(#[source] io::Error),
    /// There are no threads for it.
    #[error("no threads can be started for the FUSE file system ({0}); check the limit on processes")]
    Threads(#[source] io::Error),
    /// It cannot be put in its place.
    #[error(
        "the FUSE file system cannot be mounted at {path:?} ({error}); name a folder of a usual file system"
    )]
    Attach {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}
