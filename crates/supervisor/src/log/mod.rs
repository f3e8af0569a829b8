//! The host's log of one namespace: `FOLDER/NAME/audit.log`, in auditd's format, mode 0600.

mod file;
mod folder;

pub use file::{LogFile, Rotation};
pub use folder::{Folder, FolderError, valid_name};
