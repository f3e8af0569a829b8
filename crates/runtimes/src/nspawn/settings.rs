//! The settings file of a container, `NAME.nspawn` (systemd.nspawn(5)), as far as it decides about system calls.

use super::options::{Options, SettingsUse, normal};
use crate::file;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The most bytes that are read of a settings file.
pub const MOST_BYTES: u64 = 1 << 20;

/// The administrator's folders, whose files are trusted.
const TRUSTED_FOLDERS: [&str; 2] = ["/etc/systemd/nspawn", "/run/systemd/nspawn"];
/// Where machines are looked for by name, in order.
const MACHINE_FOLDERS: [&str; 6] = [
    "/etc/machines",
    "/run/machines",
    "/var/lib/machines",
    "/var/lib/container",
    "/usr/local/lib/machines",
    "/usr/lib/machines",
];
/// The longest host name on Linux.
const HOST_NAME_BYTES: usize = 64;

/// Why a settings file that is there was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be opened or read.
    #[error(
        "the settings file {} of systemd-nspawn cannot be read ({error}); mend it, or leave it out with --settings=no",
        path.display()
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is longer than [`MOST_BYTES`].
    #[error(
        "the settings file {} of systemd-nspawn is longer than {MOST_BYTES} bytes; shorten it, or leave it out with \
         --settings=no",
        .0.display()
    )]
    TooLong(PathBuf),
}

/// What systemd-nspawn names containers after when nobody else does.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The working directory.
    pub folder: PathBuf,
    /// The host's name.
    pub host_name: String,
}

/// What a settings file says about system calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) added: BTreeSet<String>,
    pub(super) dropped: BTreeSet<String>,
    pub(super) allowed: Vec<String>,
    pub(super) refused: Vec<String>,
}

/// A place of a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) trusted: bool,
}

impl Settings {
    /// Reads the first settings file that there is, without what an untrusted one may not say (systemd: `load_settings`,
    /// `merge_settings`).
    pub(super) fn read(options: &Options, surroundings: &Surroundings) -> Result<Settings, SettingsError> {
        for Place { path, trusted } in places(options, surroundings) {
            if let Some(text) = read(&path)? {
                let settings = Settings::parse(&text);
                return Ok(if trusted { settings } else { settings.without_grants() });
            }
        }
        Ok(Settings::default())
    }

    pub(super) fn parse(text: &str) -> Settings {
        let mut settings = Settings::default();
        let mut section = String::new();
        // A backslash at its end continues a line.
        let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
            } else if let (true, Some((key, value))) = (section == "Exec", line.split_once('=')) {
                settings.take(key.trim_end(), value.trim_start());
            }
        }
        settings
    }

    fn take(&mut self, key: &str, value: &str) {
        match key {
            "Capability" => self.added.extend(value.split_whitespace().map(normal)),
            "DropCapability" => self.dropped.extend(value.split_whitespace().map(normal)),
            "SystemCallFilter" => {
                let (list, items) = match value.strip_prefix('~') {
                    Some(items) => (&mut self.refused, items),
                    None => (&mut self.allowed, value),
                };
                list.extend(items.split_whitespace().map(str::to_owned));
            }
            _ => {}
        }
    }

    /// A list that allows something is left out as a whole, with what it refuses.
    fn without_grants(mut self) -> Settings {
        self.added.clear();
        if !self.allowed.is_empty() {
            self.allowed.clear();
            self.refused.clear();
        }
        self
    }
}

/// `None` if there is none.
fn read(path: &Path) -> Result<Option<String>, SettingsError> {
    let failed = |error| SettingsError::Read { path: path.to_owned(), error };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let bytes = file::read(file, MOST_BYTES).map_err(failed)?;
    let bytes = bytes.ok_or_else(|| SettingsError::TooLong(path.to_owned()))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Where settings files are looked for, in order (systemd: `determine_names`, `load_settings`).
pub(super) fn places(options: &Options, surroundings: &Surroundings) -> Vec<Place> {
    if options.settings == SettingsUse::No || options.has_bundle {
        return Vec::new();
    }
    let beside = match (&options.image, &options.directory, &options.machine) {
        (Some(tree), ..) | (None, Some(tree), _) => vec![surroundings.folder.join(tree)],
        (None, None, Some(machine)) => MACHINE_FOLDERS.map(|folder| Path::new(folder).join(machine)).into(),
        (None, None, None) => vec![surroundings.folder.clone()],
    };
    let name = match (&options.machine, beside.first()) {
        (Some(machine), _) => Some(machine.clone()),
        (None, Some(tree)) if tree.parent().is_none() => Some(host_name(&surroundings.host_name)),
        (None, tree) => {
            tree.and_then(|tree| tree.file_name()).map(|name| named_after(name, options.image.is_some()))
        }
    };
    // Without a name, or with one that leads elsewhere, systemd-nspawn does not start.
    let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) else { return Vec::new() };
    let file = format!("{name}.nspawn");
    let all = options.settings == SettingsUse::Trusted;
    let trusted = TRUSTED_FOLDERS.map(|folder| Place { path: Path::new(folder).join(&file), trusted: true });
    let others = beside.iter().filter_map(|tree| tree.parent());
    let others = others.map(|folder| Place { path: folder.join(&file), trusted: all });
    trusted.into_iter().chain(others).collect()
}

/// The name of a container that has the name of its tree or image.
fn named_after(file: &OsStr, is_image: bool) -> String {
    let file = file.to_string_lossy();
    host_name(if is_image { file.strip_suffix(".raw").unwrap_or(&file) } else { &file })
}

/// What is left of a text that becomes a host's name (systemd: `hostname_cleanup`).
fn host_name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.chars() {
        let last = name.chars().next_back();
        let fits = match letter {
            '.' => last.is_some_and(|last| last != '.' && last != '-'),
            '-' => last.is_some_and(|last| last != '.'),
            _ => letter.is_ascii_alphanumeric(),
        };
        if fits && name.len() < HOST_NAME_BYTES {
            name.push(letter);
        }
    }
    if name.ends_with(['-', '.']) {
        name.pop();
    }
    name
}

#[cfg(test)]
mod tests;
