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
    run_dir: Option<PathBuf>,
    flags: Vec<String>,
}

impl Served {
    /// A namespace called `name` with its log below `log_dir`, served by `auditns run` itself.
    pub fn new(name: &str, log_dir: &Path) -> Self {
        Self { name: name.to_owned(), log_dir: log_dir.to_owned(), run_dir: None, flags: Vec::new() }
    }

    /// A namespace called `name`, served by the supervisor whose socket is in `run_dir` and whose logs are below `log_dir`.
    pub fn by_supervisor(name: &str, log_dir: &Path, run_dir: &Path) -> Self {
        Self { run_dir: Some(run_dir.to_owned()), ..Self::new(name, log_dir) }
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
        command.arg("run").arg("--name").arg(&self.name);
        match &self.run_dir {
            Some(run_dir) => command.arg("--run-dir").arg(run_dir),
            None => command.arg("--log-dir").arg(&self.log_dir),
        };
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
