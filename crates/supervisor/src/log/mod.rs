//! The host's log of one namespace: `FOLDER/NAME/audit.log`, in auditd's format, mode 0600.

mod file;
mod folder;
mod host;

pub(crate) use file::Place;
pub use file::{LogFile, Rotation};
pub(crate) use folder::NAME_MAX;
pub use folder::{Folder, FolderError, valid_name};
pub(crate) use host::HostLog;
