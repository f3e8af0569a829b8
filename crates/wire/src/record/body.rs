//! The texts of the records that an audit namespace makes, byte for byte the kernel's.

use super::ids::{Ids, TaskIds, View, Viewed};
use super::user::UserText;
use crate::text::untrusted;
use std::borrow::Cow;
use std::fmt::Write as _;

/// What a record says, without its stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// `CONFIG_CHANGE` of a status value (`audit_log_config_change`).
    Config(ConfigChange),
    /// `CONFIG_CHANGE` of a rule (`audit_log_rule_change`).
    Rule(RuleChange),
    /// `CONFIG_CHANGE` for a rule change refused because the configuration is locked.
    RulesLocked {
        /// Who tried.
        ids: Viewed<Ids>,
        /// `add_rule` or `remove_rule`.
        operation: &'static str,
    },
    /// `CONFIG_CHANGE` for `AUDIT_TRIM`.
    Trim(Viewed<Ids>),
    /// `CONFIG_CHANGE` for `AUDIT_MAKE_EQUIV`.
    Equivalence(EquivalenceChange),
    /// `CONFIG_CHANGE` for `AUDIT_TTY_SET`.
    Tty(TtyChange),
    /// `FEATURE_CHANGE` (`audit_log_feature_change`).
    Feature(Box<FeatureChange>),
    /// `EVENT_LISTENER` (`audit_log_multicast`).
    Listener(ListenerChange),
    /// `LOGIN` (`audit_log_set_loginuid`).
    Login(Login),
    /// A message of a user-space program.
    User {
        /// Who sent it.
        ids: Viewed<Ids>,
        /// What it says.
        text: UserText,
    },
    /// `VIRT_CONTROL`: the namespace began or ended; written to the host's log only.
    Lifetime(Lifetime),
}

/// See [`Body::Config`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The field's name, for example `audit_backlog_limit`.
    pub name: &'static str,
    /// The value asked for. It is a pid in one case, therefore viewed.
    pub new: Viewed<u32>,
    /// The value so far.
    pub old: Viewed<u32>,
    /// Who asked.
    pub ids: Viewed<Ids>,
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Rule`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleChange {
    /// Who asked.
    pub ids: Viewed<Ids>,
    /// `add_rule` or `remove_rule`.
    pub operation: &'static str,
    /// The rule's key, if it has one.
    pub key: Option<Vec<u8>>,
    /// Number of the filter list.
    pub list: u32,
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Equivalence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivalenceChange {
    /// Who asked.
    pub ids: Viewed<Ids>,
    /// Path that rules name.
    pub old: Vec<u8>,
    /// Path that is to count as the same.
    pub new: Vec<u8>,
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Tty`]. The numbers are printed signed, as the kernel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtyChange {
    /// Who asked.
    pub ids: Viewed<Ids>,
    /// `enabled` before and as asked for.
    pub enabled: (u32, u32),
    /// `log_passwd` before and as asked for.
    pub log_passwd: (u32, u32),
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Feature`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureChange {
    /// Who asked.
    pub ids: Viewed<Ids>,
    /// The rest of the asker's ids.
    pub task: Viewed<TaskIds>,
    /// The asker's terminal, `(none)` without one.
    pub tty: Vec<u8>,
    /// The asker's command name.
    pub comm: Vec<u8>,
    /// Path of the asker's program, if it could be found out.
    pub exe: Option<Vec<u8>>,
    /// Name of the feature.
    pub feature: &'static str,
    /// Value before and as asked for.
    pub value: (bool, bool),
    /// Lock before and as asked for.
    pub lock: (bool, bool),
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Listener`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerChange {
    /// Who listens.
    pub ids: Viewed<Ids>,
    /// The listener's terminal, `(none)` without one.
    pub tty: Vec<u8>,
    /// The listener's command name.
    pub comm: Vec<u8>,
    /// Path of the listener's program, if it could be found out.
    pub exe: Option<Vec<u8>>,
    /// Number of the multicast group.
    pub group: u32,
    /// Joined or left.
    pub connect: bool,
    /// Whether it was allowed.
    pub success: bool,
}

/// See [`Body::Login`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Who set it; `auid` and `ses` are the new values.
    pub ids: Viewed<Ids>,
    /// Login user id before.
    pub old_auid: Viewed<u32>,
    /// Session id before.
    pub old_ses: u32,
    /// The task's terminal, `(none)` without one.
    pub tty: Vec<u8>,
    /// Whether it was done.
    pub success: bool,
}

/// See [`Body::Lifetime`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Who started the namespace, as the host sees them.
    pub ids: Ids,
    /// `start` or `stop`.
    pub operation: &'static str,
    /// The namespace's name.
    pub name: Vec<u8>,
    /// Further fields in order; each value is written as an untrusted string.
    pub fields: Vec<(Cow<'static, str>, String)>,
}

impl Body {
    /// Appends what of the text as `view` sees it is no member's choice. Returns the rest.
    pub(super) fn write(&self, view: View, out: &mut String) -> Cow<'_, [u8]> {
        if let Body::User { ids, text } = self {
            // Writing to a String cannot fail.
            let _ = ids.get(view).write(out);
            Cow::Borrowed(text.as_bytes())
        } else {
            let mut text = String::new();
            // Writing to a String cannot fail.
            let _ = self.format(view, &mut text);
            Cow::Owned(text.into_bytes())
        }
    }

    fn format(&self, view: View, out: &mut String) -> std::fmt::Result {
        match self {
            Body::Config(change) => {
                let Ids { auid, ses, .. } = change.ids.get(view);
                write!(out, "op=set {}={} old={} ", change.name, change.new.get(view), change.old.get(view))?;
                write!(out, "auid={auid} ses={ses} res={}", u8::from(change.success))
            }
            Body::Rule(change) => {
                let Ids { auid, ses, .. } = change.ids.get(view);
                let key = change.key.as_deref().map_or_else(|| "(null)".to_owned(), untrusted);
                write!(out, "auid={auid} ses={ses} op={} key={key} ", change.operation)?;
                write!(out, "list={} res={}", change.list, u8::from(change.success))
            }
            Body::RulesLocked { ids, operation } => {
                write!(out, "{} op={operation} audit_enabled=2 res=0", ids.get(view))
            }
            Body::Trim(ids) => write!(out, "{} op=trim res=1", ids.get(view)),
            Body::Equivalence(change) => {
                let (old, new) = (untrusted(&change.old), untrusted(&change.new));
                write!(out, "{} op=make_equiv old={old} new={new} ", change.ids.get(view))?;
                write!(out, "res={}", u8::from(change.success))
            }
            Body::Tty(change) => change.format(view, out),
            Body::Feature(change) => change.format(view, out),
            Body::Listener(change) => change.format(view, out),
            Body::Login(login) => login.format(view, out),
            Body::Lifetime(lifetime) => lifetime.format(out),
            Body::User { .. } => Ok(()),
        }
    }
}

impl TtyChange {
    #[allow(clippy::cast_possible_wrap)]
    fn format(&self, view: View, out: &mut String) -> std::fmt::Result {
        let ((old, new), (old_passwd, new_passwd)) = (self.enabled, self.log_passwd);
        write!(
            out,
            "{} op=tty_set old-enabled={} new-enabled={} ",
            self.ids.get(view),
            old as i32,
            new as i32
        )?;
        write!(out, "old-log_passwd={} new-log_passwd={} ", old_passwd as i32, new_passwd as i32)?;
        write!(out, "res={}", u8::from(self.success))
    }
}

impl FeatureChange {
    fn format(&self, view: View, out: &mut String) -> std::fmt::Result {
        let (Ids { pid, uid, auid, ses }, task) = (self.ids.get(view), self.task.get(view));
        let TaskIds { ppid, gid, euid, suid, fsuid, egid, sgid, fsgid } = task;
        // audit_log_task_info begins with a blank, so two stand after the stamp's colon.
        write!(out, " ppid={ppid} pid={pid} auid={auid} uid={uid} gid={gid} euid={euid} suid={suid} ")?;
        write!(out, "fsuid={fsuid} egid={egid} sgid={sgid} fsgid={fsgid} ")?;
        write!(out, "tty={} ses={ses} comm={}", printable(&self.tty), untrusted(&self.comm))?;
        write!(out, " exe={}", exe(self.exe.as_deref()))?;
        let bit = u8::from;
        write!(out, " feature={} old={} new={} ", self.feature, bit(self.value.0), bit(self.value.1))?;
        write!(out, "old_lock={} new_lock={} res={}", bit(self.lock.0), bit(self.lock.1), bit(self.success))
    }
}

impl ListenerChange {
    fn format(&self, view: View, out: &mut String) -> std::fmt::Result {
        let Ids { pid, uid, auid, ses } = self.ids.get(view);
        write!(out, "pid={pid} uid={uid} auid={auid} tty={} ses={ses} ", printable(&self.tty))?;
        write!(out, "comm={} exe={} ", untrusted(&self.comm), exe(self.exe.as_deref()))?;
        let operation = if self.connect { "connect" } else { "disconnect" };
        write!(out, "nl-mcgrp={} op={operation} res={}", self.group, u8::from(self.success))
    }
}

impl Login {
    fn format(&self, view: View, out: &mut String) -> std::fmt::Result {
        let Ids { pid, uid, auid, ses } = self.ids.get(view);
        write!(out, "pid={pid} uid={uid} old-auid={} auid={auid} ", self.old_auid.get(view))?;
        write!(out, "tty={} old-ses={} ses={ses} ", printable(&self.tty), self.old_ses)?;
        write!(out, "res={}", u8::from(self.success))
    }
}

impl Lifetime {
    fn format(&self, out: &mut String) -> std::fmt::Result {
        write!(out, "{} msg='virt=auditns op={} vm={}", self.ids, self.operation, untrusted(&self.name))?;
        for (name, value) in &self.fields {
            write!(out, " {name}={}", bare(value))?;
        }
        out.push_str(" res=success'");
        Ok(())
    }
}

/// A value that needs no quotes when it is a plain word or number, an untrusted string otherwise.
pub(super) fn bare(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'?');
    if !value.is_empty() && value.bytes().all(plain) { value.to_owned() } else { untrusted(value.as_bytes()) }
}

/// `audit_log_d_path_exe`: `(null)` for a task without a program.
fn exe(path: Option<&[u8]>) -> String {
    path.map_or_else(|| "(null)".to_owned(), untrusted)
}

/// Terminal names are written bare; anything a terminal driver would not be called becomes `?`.
fn printable(name: &[u8]) -> String {
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'(' | b')' | b'.');
    name.iter().map(|byte| if plain(byte) { char::from(*byte) } else { '?' }).collect()
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
