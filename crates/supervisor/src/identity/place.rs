//! Where the processes of a container are.

use super::NESTING_MAX;
use auditns_sys::identity::{Brief, NamespaceFile, NamespaceId, NamespaceKind};
use serde::{Deserialize, Serialize};
use std::io;

/// A user namespace and a pid namespace. What joins a container by name alone is believed when it is in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) user: NamespaceId,
    pub(crate) pid: NamespaceId,
}

impl Place {
    /// Where a task is.
    ///
    /// # Errors
    /// `ESRCH` if it is gone; `EACCES` or `EPERM` if we may not look at it.
    pub(crate) fn of(tid: u32) -> io::Result<Place> {
        Ok(Place {
            user: NamespaceFile::of_pid(tid, NamespaceKind::User)?.id(),
            pid: NamespaceFile::of_pid(tid, NamespaceKind::Pid)?.id(),
        })
    }

    /// Whether a task is there, or in namespaces below.
    ///
    /// # Errors
    /// As [`Place::of`].
    pub(crate) fn contains(self, tid: u32) -> io::Result<bool> {
        Ok(is_below(NamespaceFile::of_pid(tid, NamespaceKind::User)?, self.user)
            && is_below(NamespaceFile::of_pid(tid, NamespaceKind::Pid)?, self.pid))
    }
}

/// Whether a namespace is `outer` or below it.
fn is_below(inner: NamespaceFile, outer: NamespaceId) -> bool {
    let mut level = inner;
    for _ in 0..=NESTING_MAX {
        if level.id() == outer {
            return true;
        }
        // Above our own there is nothing that we may see.
        let Ok(parent) = level.parent() else { return false };
        level = parent;
    }
    false
}

/// Whether a process is this user's: runs as the user, or in a user namespace below one that the user has made.
///
/// # Errors
/// As [`Place::of`].
pub(crate) fn is_of_user(pid: u32, uid: u32) -> io::Result<bool> {
    if Brief::of(pid)?.uid == uid {
        return Ok(true);
    }
    let mut level = NamespaceFile::of_pid(pid, NamespaceKind::User)?;
    let own = NamespaceFile::own(NamespaceKind::User)?.id();
    for _ in 0..=NESTING_MAX {
        if level.id() == own {
            return Ok(false);
        }
        if level.owner_uid()? == uid {
            return Ok(true);
        }
        level = level.parent()?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Background, ORDINARY};

    #[test]
    fn a_place_holds_what_is_in_it_or_below() {
        let mut below = Background::new(&["unshare", "-Urpf", "sleep", "60"]);
        let here = Place::of(std::process::id()).unwrap();
        let pid = below.pid();
        below.until(|| Place::of(pid).is_ok_and(|place| place.user != here.user));
        let there = Place::of(pid).unwrap();
        assert!(here.contains(std::process::id()).unwrap() && here.contains(pid).unwrap());
        assert!(!there.contains(std::process::id()).unwrap(), "it is above");
        assert!(there.contains(pid).unwrap());
        let gone = Background::new(&["sleep", "60"]).end();
        assert!(here.contains(gone).is_err());
    }

    #[test]
    fn processes_belong_to_who_runs_them_or_made_their_user_namespace() {
        let own = std::process::id();
        assert!(is_of_user(own, 0).unwrap() && !is_of_user(own, ORDINARY).unwrap());
        let run_as = |command: &[&str]| {
            let words = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"];
            Background::new(&[&words[..], command].concat())
        };
        let mut process = run_as(&["unshare", "-U", "sleep", "60"]);
        let pid = process.pid();
        let here = Place::of(own).unwrap();
        process.until(|| Place::of(pid).is_ok_and(|place| place.user != here.user));
        assert!(is_of_user(pid, 54321).unwrap() && !is_of_user(pid, 54322).unwrap());
    }
}
