//! Hosts of container managers: freshly installed ones, with auditns that serves.

pub mod absent;
pub mod pages;
pub mod proof;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::container::{self, Mode, Outcome};
use crate::log::Log;
use crate::packages::{self, Need};
use crate::workdir::RunDir;
use crate::{auditns, process, rootfs};

const TOOLS: &[Need] = &[
    ("runc", "runc"),
    ("crun", "crun"),
    ("podman", "podman"),
    ("dockerd", "docker.io"),
    ("containerd", "containerd"),
    ("bwrap", "bubblewrap"),
    ("newuidmap", "uidmap"),
];

/// A host of its own: `/etc`, `/usr/bin`, `/run`, `/srv`, `/opt` and `/var` are private, and auditns is installed as by its
/// package and serves.
#[derive(Debug)]
pub struct Host {
    dir: Arc<RunDir>,
}

impl Host {
    /// # Panics
    /// When it cannot be prepared.
    pub fn new(name: &str) -> Self {
        packages::install(TOOLS);
        let dir = Arc::new(RunDir::new(name));
        for folder in ["box", "files", "log"] {
            dir.folder(folder);
        }
        container::share_scripts(&dir, Mode::User);
        Self { dir }
    }

    /// Puts a file where it says.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        let to = self.dir.path().join("files").join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("it is in a folder"))
            .expect("the folder of this run is writable");
        fs::write(to, text).expect("the folder of this run is writable");
        self
    }

    /// Runs a script of bash where a manager is ready, see `scripts/manager-host.sh`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, manager: &str, script: &str, limit: Duration) -> Outcome {
        fs::write(self.dir.path().join("script"), script).expect("the folder of this run is writable");
        let mut command = process::apart(&["--net"], "manager-host.sh");
        command.arg(manager).arg(rootfs::roots().of(Mode::Init)).arg(self.dir.path()).arg(auditns::program());
        Outcome::new(process::run(&mut command, limit), Arc::clone(&self.dir))
    }

    /// The logs of all namespaces that there were, by name.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn logs(&self) -> Vec<(String, Log)> {
        let entries = fs::read_dir(self.dir.path().join("log")).expect("the folder of the logs is there");
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        folders.retain(|path| path.join("audit.log").exists());
        folders.sort();
        let named = |folder: &PathBuf| folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        folders.iter().map(|folder| (named(folder), Log::read(&folder.join("audit.log")))).collect()
    }

    /// The log of one namespace.
    ///
    /// # Panics
    /// When there is none of that name.
    pub fn log(&self, name: &str) -> Log {
        let mut logs = self.logs();
        let at = logs.iter().position(|(other, _)| other == name);
        let at = at.unwrap_or_else(|| {
            panic!("no log {name:?} among {:?}", logs.iter().map(|(name, _)| name).collect::<Vec<_>>())
        });
        logs.swap_remove(at).1
    }
}
