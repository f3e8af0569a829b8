//! The program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::log::Log;
use crate::workdir;

/// The `auditns` program: `AUDITNS_BIN`, or the newest one of the build folders.
///
/// # Panics
/// When there is none.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(path) = std::env::var_os("AUDITNS_BIN") {
            return path.into();
        }
        let built = |path: &PathBuf| {
            path.metadata().and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
        };
        workdir::build_folders()
            .iter()
            .flat_map(|folder| ["debug", "release"].map(|profile| folder.join(profile).join("auditns")))
            .filter(|path| path.exists())
            .max_by_key(built)
            .expect("there is no auditns program: run `cargo build -p auditns` first, or set AUDITNS_BIN")
    })
}

/// `auditns run` with its flags.
#[derive(Debug, Clone)]
pub struct Served {
    name: String,
    log_dir: PathBuf,
    flags: Vec<String>,
}

impl Served {
    /// A namespace called `name` with its log below `log_dir`.
    pub fn new(name: &str, log_dir: &Path) -> Self {
        Self { name: name.to_owned(), log_dir: log_dir.to_owned(), flags: Vec::new() }
    }

    /// Adds a flag of `auditns run`, with its value where it has one.
    #[must_use]
    pub fn flag(mut self, parts: &[&str]) -> Self {
        self.flags.extend(parts.iter().map(|&part| part.to_owned()));
        self
    }

    /// `auditns run FLAGS --`, ready for the command.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.arg("run").arg("--name").arg(&self.name).arg("--log-dir").arg(&self.log_dir);
        command.args(&self.flags).arg("--");
        command
    }

    /// The path of the namespace's log, host view.
    pub fn log_path(&self) -> PathBuf {
        self.log_dir.join(&self.name).join("audit.log")
    }

    /// The namespace's log, host view.
    ///
    /// # Panics
    /// When it cannot be read or holds a malformed line.
    pub fn log(&self) -> Log {
        Log::read(&self.log_path())
    }
}
