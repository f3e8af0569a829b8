//! The ways from a client to audit, and measuring on each.

use crate::command::Failure;
use auditns_bench::report::Report;
use serde::Serialize;
use std::fs;
use std::io::{self, Read as _};
use std::ops::RangeInclusive;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A way from a client to audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// The kernel's own, with an audit daemon that writes what the kernel records.
    Kernel,
    /// The kernel's own with auditing disabled.
    KernelOff,
    /// In a namespace, at a number of the fast range.
    Fast,
    /// In a namespace, at the lowest free number, where no call on the socket is stopped.
    Lowest,
    /// In a namespace, at a number of the strict range, where calls that receive are stopped.
    Strict,
}

/// All of them.
pub(crate) const WAYS: [Way; 5] = [Way::Kernel, Way::KernelOff, Way::Fast, Way::Lowest, Way::Strict];

/// Starts the rest with a limit of open files that allows no reserved number.
const WITHOUT_RESERVED: &str = r#"ulimit -n 800; exec "$0" "$@""#;

/// What `auditns-bench host` prints.
const READY: &[u8; 6] = b"ready\n";

/// What is run, how, and where it may write.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) auditns: PathBuf,
    pub(crate) bench: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) count: u32,
    pub(crate) cpu: Option<u32>,
}

impl Way {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Kernel => "kernel",
            Way::KernelOff => "kernel-off",
            Way::Fast => "fast",
            Way::Lowest => "lowest",
            Way::Strict => "strict",
        }
    }

    pub(crate) fn explanation(self) -> &'static str {
        match self {
            Way::Kernel => "the kernel's audit, with an audit daemon that writes the records to a file",
            Way::KernelOff => "the kernel's audit, disabled: messages are acknowledged, nothing is recorded",
            Way::Fast => "auditns run, as programs with libaudit get it",
            Way::Lowest => "auditns run with `ulimit -n 800`: no call on the audit socket is stopped",
            Way::Strict => "auditns run --strict-client: calls that receive are stopped",
        }
    }

    /// The numbers of which the audit socket must have one, or something else would be measured.
    fn descriptors(self) -> RangeInclusive<i32> {
        match self {
            Way::Kernel | Way::KernelOff | Way::Lowest => 3..=899,
            Way::Fast => 832..=863,
            Way::Strict => 864..=895,
        }
    }

    /// Measures once.
    pub(crate) fn measure(self, setting: &Setting) -> Result<Report, Failure> {
        let failed = |text: String| Failure::new(format!("{}: {text}", self.name()));
        let folder = &setting.folder;
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)
            .map_err(|error| failed(format!("{} cannot be made ({error})", folder.display())))?;
        let hosts_log = folder.join("host.log");
        let log = match self {
            Way::Kernel => Some(hosts_log.clone()),
            Way::KernelOff => None,
            Way::Fast | Way::Lowest | Way::Strict => Some(folder.join("bench/audit.log")),
        };
        // Whether it is enabled makes a difference to every call of every process, so it is the same in namespaces.
        let host = Host::hold(setting, (self != Way::KernelOff).then_some(&hosts_log)).map_err(&failed)?;
        let report = self.report(setting);
        host.restore().map_err(&failed)?;
        let report = report.map_err(&failed)?;
        let (number, expected) = (report.descriptor, self.descriptors());
        if !expected.contains(&number) {
            return Err(failed(format!(
                "the audit socket got number {number}, not one of {expected:?}; is `ulimit -n` below 1024?"
            )));
        }
        if log.is_some_and(|log| fs::metadata(log).map_or(0, |log| log.len()) == 0) {
            return Err(failed("nothing was recorded".into()));
        }
        Ok(report)
    }

    fn report(self, setting: &Setting) -> Result<Report, String> {
        let mut command = self.command(setting);
        let output =
            command.output().map_err(|error| format!("{command:?} could not be started ({error})"))?;
        if !output.status.success() {
            return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
    }

    fn command(self, setting: &Setting) -> Command {
        let before: Option<&[&str]> = match self {
            Way::Kernel | Way::KernelOff => None,
            Way::Fast => Some(&["--"]),
            Way::Lowest => Some(&["--", "sh", "-c", WITHOUT_RESERVED]),
            Way::Strict => Some(&["--strict-client", "auditns-bench", "--"]),
        };
        let mut command = setting.command(if before.is_some() { &setting.auditns } else { &setting.bench });
        if let Some(before) = before {
            command.args(["run", "--name", "bench", "--log-dir"]).arg(&setting.folder);
            command.args(before).arg(&setting.bench);
        }
        command.args(["measure", "--count", &setting.count.to_string()]).stdin(Stdio::null());
        command
    }
}

impl Setting {
    /// A program, on the processor that was asked for.
    fn command(&self, program: &Path) -> Command {
        let Some(cpu) = self.cpu else { return Command::new(program) };
        let mut command = Command::new("taskset");
        command.args(["-c", &cpu.to_string()]).arg(program);
        command
    }
}

/// The kernel's audit in a state that ends with the value.
struct Host(Child);

impl Host {
    /// Enabled and written to a file, or off.
    fn hold(setting: &Setting, log: Option<&PathBuf>) -> Result<Host, String> {
        let mut command = setting.command(&setting.bench);
        command.arg("host").stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(log) = log {
            command.arg("--log").arg(log);
        }
        // Ctrl-C must not end it before it has restored what it found.
        command.process_group(0);
        let child = command.spawn().map_err(|error| format!("{command:?} could not be started ({error})"))?;
        let mut host = Host(child);
        let mut word = [0; READY.len()];
        let ready = host.0.stdout.as_mut().map_or(Ok(()), |out| out.read_exact(&mut word));
        if ready.is_err() || word != *READY {
            host.restore()?;
            return Err("the kernel's audit was not ready".into());
        }
        Ok(host)
    }

    fn restore(mut self) -> Result<(), String> {
        match self.end() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("the kernel's audit could not be kept or restored ({status})")),
            Err(error) => Err(error.to_string()),
        }
    }

    fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        drop(self.0.stdin.take());
        self.0.wait()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
