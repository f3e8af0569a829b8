//! A supervisor of this repository's, with folders of its own.

use super::Setting;
use super::process::{How, Leash};
use crate::command::Failure;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
/// What a service manager allows it.
const OPEN_FILES: u64 = 524_288;

/// `auditns supervise`.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) leash: Leash,
    pub(crate) run_folder: PathBuf,
    logs: PathBuf,
    program: PathBuf,
}

/// Lines are counted in the file where a case finds the first one.
const ONE_LOG: &str = "[defaults]\nlog-size = \"64G\"\n";

impl Supervisor {
    /// Starts it with this policy, else with one that rotates no logs, and waits until it answers.
    pub(crate) fn start(
        setting: &Setting,
        folder: &Path,
        policy: Option<&str>,
    ) -> Result<Supervisor, Failure> {
        let failed =
            |error: std::io::Error| Failure::new(format!("{} cannot be written ({error})", folder.display()));
        // The kernel's guard knows this name.
        let (run_folder, logs) = (folder.join("run"), folder.join("log"));
        fs::create_dir_all(&logs).map_err(failed)?;
        let config = folder.join("auditns.toml");
        fs::write(&config, policy.unwrap_or(ONE_LOG)).map_err(failed)?;
        let program = setting.auditns.clone();
        let words = [
            program.as_os_str(),
            "supervise".as_ref(),
            "--run-dir".as_ref(),
            run_folder.as_os_str(),
            "--log-dir".as_ref(),
            logs.as_os_str(),
            "--config".as_ref(),
            config.as_os_str(),
        ];
        let how = How { open_files: Some(OPEN_FILES), ..How::default() };
        let leash = Leash::start(setting, folder, &words, how)?;
        let mut supervisor = Supervisor { leash, run_folder, logs, program };
        let start = Instant::now();
        while !supervisor.answers() {
            if supervisor.leash.has_ended() || start.elapsed() > PATIENCE {
                return Err(supervisor.leash.failure("does not answer"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(supervisor)
    }

    fn answers(&self) -> bool {
        let mut list = Command::new(&self.program);
        list.arg("list").arg("--run-dir").arg(&self.run_folder);
        list.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        list.status().is_ok_and(|status| status.success())
    }

    /// Words that run something in a new namespace.
    pub(crate) fn run(&self, name: &str, options: &[&str], words: &[String]) -> Vec<String> {
        self.words("run", &[&["--name", name], options].concat(), words)
    }

    /// Words that run something in a namespace that is there.
    pub(crate) fn exec(&self, name: &str, words: &[String]) -> Vec<String> {
        self.words("exec", &[name], words)
    }

    fn words(&self, command: &str, options: &[&str], words: &[String]) -> Vec<String> {
        let [program, run_folder] = [&self.program, &self.run_folder].map(|path| path.display().to_string());
        let mut all = vec![program, command.to_owned(), "--run-dir".to_owned(), run_folder];
        all.extend(options.iter().map(|option| (*option).to_owned()));
        all.push("--".to_owned());
        all.extend_from_slice(words);
        all
    }

    /// The folder of a namespace's log.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(name)
    }
}
