//! The options of systemd-nspawn that decide about system calls.

use super::calls::RETAINED;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Options that take a value, which may stand in the argument after them (systemd 257).
const WITH_VALUE: &[&str] = &[
    "ambient-capability",
    "background",
    "bind",
    "bind-ro",
    "bind-user",
    "capability",
    "chdir",
    "console",
    "cpu-affinity",
    "directory",
    "drop-capability",
    "hostname",
    "image",
    "image-policy",
    "inaccessible",
    "kill-signal",
    "link-journal",
    "load-credential",
    "machine",
    "network-bridge",
    "network-interface",
    "network-ipvlan",
    "network-macvlan",
    "network-namespace-path",
    "network-veth-extra",
    "network-zone",
    "no-new-privileges",
    "notify-ready",
    "oci-bundle",
    "oom-score-adjust",
    "overlay",
    "overlay-ro",
    "personality",
    "pivot-root",
    "port",
    "private-users-ownership",
    "property",
    "register",
    "resolv-conf",
    "restrict-address-families",
    "rlimit",
    "root-hash",
    "root-hash-sig",
    "selinux-apifs-context",
    "selinux-context",
    "set-credential",
    "setenv",
    "settings",
    "slice",
    "suppress-sync",
    "system-call-filter",
    "template",
    "timezone",
    "tmpfs",
    "user",
    "uuid",
    "verity-data",
];
/// The short ones.
const SHORT_WITH_VALUE: &[u8] = b"DuLMSZipE";

/// What was asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    added: BTreeSet<String>,
    dropped: BTreeSet<String>,
    /// Items of `--system-call-filter`, in order.
    pub(super) allowed: Vec<String>,
    /// Those with `~`.
    pub(super) refused: Vec<String>,
}

impl Options {
    /// Reads the arguments up to the container's own.
    pub(super) fn parse(arguments: &[OsString]) -> Options {
        let mut options = Options::default();
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            let bytes = argument.as_bytes();
            if bytes == b"--" || !bytes.starts_with(b"-") || bytes.len() < 2 {
                break;
            }
            let text = argument.to_string_lossy();
            if let Some(long) = text.strip_prefix("--") {
                let (name, joined) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let follows = joined.is_none() && WITH_VALUE.contains(&name);
                let next = if follows {
                    left.next().map(|value| value.to_string_lossy().into_owned())
                } else {
                    None
                };
                options.take(name, &joined.or(next).unwrap_or_default());
            } else {
                let takes = |letter: &u8| SHORT_WITH_VALUE.contains(letter);
                // The rest of the argument is the value, if there is a rest.
                if bytes.iter().skip(1).position(takes) == Some(bytes.len() - 2) {
                    left.next();
                }
            }
        }
        options
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "capability" => self.added.extend(value.split(',').map(normal)),
            "drop-capability" => self.dropped.extend(value.split(',').map(normal)),
            "system-call-filter" => {
                let (negative, items) = value.strip_prefix('~').map_or((false, value), |items| (true, items));
                let items = items.split_whitespace().map(str::to_owned);
                if negative {
                    self.refused.extend(items);
                } else {
                    self.allowed.extend(items);
                }
            }
            _ => {}
        }
    }

    /// Whether the container has a capability, one of those that allow calls.
    pub(super) fn retains(&self, capability: &str) -> bool {
        let names = |set: &BTreeSet<String>| set.contains(capability) || set.contains("CAP_ALL");
        !names(&self.dropped) && (RETAINED.contains(&capability) || names(&self.added))
    }
}

/// `all` is `CAP_ALL` here.
fn normal(name: &str) -> String {
    let upper = name.trim().to_ascii_uppercase();
    if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") }
}
