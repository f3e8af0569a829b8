//! Files that members of a namespace get in place of the kernel's `loginuid` and `sessionid` in `/proc/PID`: a FUSE file
//! system without a mount point, whose files have numbers and are opened by the supervisor alone. Members get descriptors.
//!
//! What a file says, and who may write to it, is the business of the implementor of [`Logins`].
#![forbid(unsafe_code)]

mod attributes;
mod filesystem;
mod kept;
mod logins;
mod mount;
mod mount_error;
mod reply;
mod waiting;

pub use logins::{Access, FileNumber, Logins, Write};
pub use mount::{Kept, Mounted, mount};
pub use mount_error::MountError;
pub use reply::{ReadReply, WriteReply};
