//! What systemd-nspawn would allow its containers, for whoever has it leave its own filters out.
//!
//! systemd-nspawn installs a list of calls that are allowed, and a rule that refuses audit sockets whatever else holds. Both
//! can only be left out together (`SYSTEMD_SECCOMP=0`), so the list has to come from elsewhere then. The groups of calls are
//! those of the systemd that is installed: `systemd-analyze syscall-filter` prints them.

mod calls;
mod groups;
mod numbers;
mod options;
mod settings;

pub use groups::{Groups, GroupsError};
pub use numbers::{Abi, Numbers};
pub use settings::{MOST_BYTES, SettingsError, Surroundings};

use calls::ALLOWED;
use options::Options;
use settings::Settings;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The variable with which systemd-nspawn is told to leave its filters out.
pub const VARIABLE: &str = "SYSTEMD_SECCOMP";

/// Whether a program is systemd-nspawn, by its file name.
pub fn is_nspawn(program: &OsStr) -> bool {
    program.as_bytes().rsplit(|byte| *byte == b'/').next() == Some(b"systemd-nspawn")
}

/// Names of system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Those that the container may make.
    pub allowed: BTreeSet<String>,
    /// Those that are known to systemd: the others fail with `ENOSYS` instead of `EPERM`, so that programs fall back to older
    /// calls.
    pub known: BTreeSet<String>,
}

impl Calls {
    /// What systemd-nspawn would allow with these arguments, its own name left out, and the settings file of the container,
    /// `NAME.nspawn`, if there is one (systemd: `setup_seccomp`).
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn of(
        arguments: &[OsString],
        surroundings: &Surroundings,
        groups: &Groups,
    ) -> Result<Calls, SettingsError> {
        let mut options = Options::parse(arguments);
        let settings = Settings::read(&options, surroundings)?;
        let retained = options.merge(settings);
        let mut allowed = BTreeSet::new();
        for (capability, item) in ALLOWED {
            if capability.is_none_or(|capability| retained.has(capability)) {
                allowed.extend(groups.calls(item));
            }
        }
        for item in &options.allowed {
            allowed.extend(groups.calls(item));
        }
        for item in &options.refused {
            for call in groups.calls(item) {
                allowed.remove(&call);
            }
        }
        Ok(Calls { allowed, known: groups.calls("@known").into_iter().collect() })
    }
}

#[cfg(test)]
mod tests;
