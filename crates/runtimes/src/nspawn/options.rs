//! The options of systemd-nspawn that decide about system calls.

use super::calls::RETAINED;
use super::settings::Settings;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
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

/// Whether settings files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SettingsUse {
    /// Yes; the command line prevails, and they are trusted where the administrator put them.
    #[default]
    Yes,
    No,
    /// They prevail over the command line.
    Override,
    /// They are trusted wherever they are.
    Trusted,
}

/// What was asked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    added: BTreeSet<String>,
    dropped: BTreeSet<String>,
    /// Items of `--system-call-filter`, in order.
    pub(super) allowed: Vec<String>,
    /// Those with `~`.
    pub(super) refused: Vec<String>,
    has_capabilities: bool,
    has_filter: bool,
    pub(super) has_bundle: bool,
    pub(super) settings: SettingsUse,
    pub(super) machine: Option<String>,
    pub(super) directory: Option<OsString>,
    pub(super) image: Option<OsString>,
}

impl Options {
    /// Reads the arguments up to the container's own.
    pub(super) fn parse(arguments: &[OsString]) -> Options {
        let mut options = Options::default();
        let mut left = arguments.iter();
        while let Some(argument) = left.next() {
            let bytes = argument.as_bytes();
            if let Some(long) = bytes.strip_prefix(b"--") {
                if long.is_empty() {
                    break;
                }
                let (name, joined) =
                    match long.iter().position(|byte| *byte == b'=').and_then(|at| long.split_at_checked(at))
                    {
                        Some((name, value)) => (name, value.get(1..)),
                        None => (long, None),
                    };
                let name = String::from_utf8_lossy(name);
                let follows = joined.is_none() && WITH_VALUE.contains(&name.as_ref());
                let next = if follows { left.next().map(|value| value.as_bytes()) } else { None };
                options.take(&name, OsStr::from_bytes(joined.or(next).unwrap_or_default()));
            } else if let (Some(letters), true) = (bytes.strip_prefix(b"-"), bytes.len() > 1) {
                let Some(at) = letters.iter().position(|letter| SHORT_WITH_VALUE.contains(letter)) else {
                    continue;
                };
                // The rest of the argument is the value, if there is a rest.
                let joined = letters.get(at + 1..).filter(|rest| !rest.is_empty());
                let value = joined.or_else(|| left.next().map(|value| value.as_bytes())).unwrap_or_default();
                let name = match letters.get(at) {
                    Some(b'D') => "directory",
                    Some(b'M') => "machine",
                    Some(b'i') => "image",
                    _ => continue,
                };
                options.take(name, OsStr::from_bytes(value));
            } else {
                break;
            }
        }
        options
    }

    fn take(&mut self, name: &str, value: &OsStr) {
        let text = value.to_string_lossy();
        match name {
            "capability" => self.added.extend(text.split(',').map(normal)),
            "drop-capability" => self.dropped.extend(text.split(',').map(normal)),
            "system-call-filter" => {
                let (list, items) = match text.strip_prefix('~') {
                    Some(items) => (&mut self.refused, items),
                    None => (&mut self.allowed, text.as_ref()),
                };
                list.extend(items.split_whitespace().map(str::to_owned));
                self.has_filter = true;
            }
            "settings" => self.settings = settings_use(&text),
            "machine" => self.machine = Some(text.into_owned()).filter(|name| !name.is_empty()),
            "directory" => self.directory = Some(value.to_owned()),
            "image" => self.image = Some(value.to_owned()),
            "oci-bundle" => self.has_bundle = true,
            _ => {}
        }
        self.has_capabilities |= matches!(name, "capability" | "drop-capability");
    }

    /// Takes over what a settings file says, where it is asked.
    pub(super) fn merge(&mut self, settings: Settings) -> Retained {
        let prevails = self.settings == SettingsUse::Override;
        let says = !(settings.allowed.is_empty() && settings.refused.is_empty());
        if says && (prevails || !self.has_filter) {
            self.allowed = settings.allowed;
            self.refused = settings.refused;
        }
        let (added, dropped) = if prevails || !self.has_capabilities {
            (settings.added, settings.dropped)
        } else {
            Default::default()
        };
        let by_options = (std::mem::take(&mut self.added), std::mem::take(&mut self.dropped));
        Retained([by_options, (added, dropped)])
    }
}

/// What is added to the capabilities of a container and dropped of them, step by step.
#[derive(Debug)]
pub(super) struct Retained([(BTreeSet<String>, BTreeSet<String>); 2]);

impl Retained {
    /// Whether the container has a capability, one of those that allow calls.
    pub(super) fn has(&self, capability: &str) -> bool {
        let names = |set: &BTreeSet<String>| set.contains(capability) || set.contains("CAP_ALL");
        self.0.iter().fold(RETAINED.contains(&capability), |has, (added, dropped)| {
            (has || names(added)) && !names(dropped)
        })
    }
}

/// systemd-nspawn does not start with a word that is none of its own.
fn settings_use(word: &str) -> SettingsUse {
    match word.to_ascii_lowercase().as_str() {
        "override" => SettingsUse::Override,
        "trusted" => SettingsUse::Trusted,
        "0" | "no" | "n" | "false" | "f" | "off" => SettingsUse::No,
        _ => SettingsUse::Yes,
    }
}

/// `all` is `CAP_ALL` here.
pub(super) fn normal(name: &str) -> String {
    let upper = name.trim().to_ascii_uppercase();
    if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") }
}
