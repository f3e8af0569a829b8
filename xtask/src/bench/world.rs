//! What a case is measured on: the kernel's audit with a daemon, and a supervisor, both there at the same time, used in
//! turns.

use super::Setting;
use super::log::{Found, Log};
use super::native::{Flush, Native};
use super::process::{Leash, Led, cpu_seconds, kauditd, unique};
use super::round::{Metric, Round, Variant};
use super::supervised::Supervisor;
use crate::command::Failure;
use auditns_bench::report::Report;
use rustix::process::Pid;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

/// Starts the rest with a limit of open files that allows no reserved number.
const WITHOUT_RESERVED: &str = r#"ulimit -n 800; exec "$0" "$@""#;

/// A way from a client to audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The kernel's, with Debian's audit daemon, which leaves flushing to the kernel.
    Auditd,
    /// The same, which flushes now and then, without waiting.
    AuditdAsync,
    /// The kernel's, with a program that writes each record to a file.
    Reader,
    /// A namespace of the supervisor's.
    Auditns,
    /// A namespace of a process of its own.
    Embedded,
    /// A namespace of the supervisor's, where the socket has the lowest free number.
    Lowest,
    /// The same, where calls that receive are stopped.
    Strict,
}

impl Way {
    pub(crate) fn name(self) -> Variant {
        match self {
            Way::Auditd => "auditd",
            Way::AuditdAsync => "auditd, async",
            Way::Reader => "reader",
            Way::Auditns => "auditns",
            Way::Embedded => "embedded",
            Way::Lowest => "lowest number",
            Way::Strict => "strict",
        }
    }

    /// The numbers of which an audit socket has one, or something else would be measured.
    fn descriptors(self) -> std::ops::RangeInclusive<i32> {
        match self {
            Way::Auditns | Way::Embedded => 832..=863,
            Way::Strict => 864..=895,
            _ => 0..=831,
        }
    }
}

/// What was measured once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) report: Report,
    /// Of clients and of everything that serves them, in seconds.
    pub(crate) cpu: f64,
    pub(crate) found: Option<Found>,
}

/// See the module. The order of fields is that in which they end.
#[derive(Debug)]
pub(crate) struct World<'s> {
    pub(crate) setting: &'s Setting,
    native: Option<(Way, Native)>,
    pub(crate) supervisor: Supervisor,
    pub(crate) host: Host,
}

impl<'s> World<'s> {
    pub(crate) fn new(setting: &'s Setting) -> Result<World<'s>, Failure> {
        World::with_policy(setting, None)
    }

    pub(crate) fn with_policy(setting: &'s Setting, policy: Option<&str>) -> Result<World<'s>, Failure> {
        let host = Host::hold(setting)?;
        let supervisor = Supervisor::start(setting, &host.folder, policy)?;
        Ok(World { setting, native: None, supervisor, host })
    }

    /// Sees that this daemon, and no other, is registered with the kernel.
    pub(crate) fn register(&mut self, way: Way) -> Result<&Native, Failure> {
        if self.native.as_ref().is_none_or(|(registered, _)| *registered != way) {
            self.native = None;
            let folder = &self.host.folder;
            let native = match way {
                Way::Reader => Native::reader(self.setting, folder)?,
                Way::AuditdAsync => Native::auditd(self.setting, folder, Flush::IncrementalAsync)?,
                _ => Native::auditd(self.setting, folder, Flush::None)?,
            };
            self.native = Some((way, native));
        }
        self.native.as_ref().map(|(_, native)| native).ok_or_else(|| Failure::new("no daemon"))
    }

    /// Runs a client on this way: `program` is led through one step. What it has logged is waited for.
    pub(crate) fn measure(&mut self, way: Way, program: &[String]) -> Result<Measured, Failure> {
        let (words, log) = self.prepare(way, program)?;
        self.measure_words(way, &words, Some(&log))
    }

    /// As [`World::measure`], for a client whose messages nobody counts.
    pub(crate) fn measure_unlogged(&mut self, way: Way, program: &[String]) -> Result<Measured, Failure> {
        let (words, _) = self.prepare(way, program)?;
        self.measure_words(way, &words, None)
    }

    fn measure_words(&self, way: Way, words: &[String], log: Option<&Log>) -> Result<Measured, Failure> {
        let mut client = Led::start(self.setting, &self.host.folder, words)?;
        let mut servers = Vec::new();
        if let (Way::Auditd | Way::AuditdAsync | Way::Reader, Some((_, native))) = (way, &self.native) {
            servers.extend(native.leash.processes());
            // The reader is its own leash.
            servers.extend(native.leash.itself_if_alone());
            servers.extend(kauditd());
        } else {
            servers.extend(self.supervisor.leash.processes());
            // auditns run itself, which for an embedded namespace is what serves it.
            servers.extend(client.leash().processes().first());
        }
        measure_led(&mut client, way, &servers, log)
    }

    fn prepare(&mut self, way: Way, program: &[String]) -> Result<(Vec<String>, Log), Failure> {
        let name = format!("bench-{}", unique());
        let strict = program.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
        Ok(match way {
            Way::Auditd | Way::AuditdAsync | Way::Reader => {
                (program.to_vec(), Log::from_now_on(&self.register(way)?.log))
            }
            Way::Embedded => {
                let folder = self.host.folder.join("embedded");
                let options = ["--embedded", "--log-dir", &folder.display().to_string()];
                (self.supervisor.run(&name, &options, program), Log::Folder(folder.join(&name)))
            }
            Way::Auditns => {
                (self.supervisor.run(&name, &[], program), Log::Folder(self.supervisor.log(&name)))
            }
            Way::Lowest => {
                let shell = ["sh", "-c", WITHOUT_RESERVED].map(str::to_owned);
                let words = [&shell, program].concat();
                (self.supervisor.run(&name, &[], &words), Log::Folder(self.supervisor.log(&name)))
            }
            Way::Strict => {
                let words = self.supervisor.run(&name, &["--strict-client", &strict], program);
                (words, Log::Folder(self.supervisor.log(&name)))
            }
        })
    }

    /// The words of a client with these arguments.
    pub(crate) fn client(&self, arguments: &[&str]) -> Vec<String> {
        let program = self.setting.bench.display().to_string();
        [program, "client".to_owned()]
            .into_iter()
            .chain(arguments.iter().map(|word| (*word).to_owned()))
            .collect()
    }
}

/// Lets a client that is ready do its step, with what these processes take for it. With a log, every message must be there
/// in the end.
pub(crate) fn measure_led(
    client: &mut Led,
    way: Way,
    servers: &[Pid],
    log: Option<&Log>,
) -> Result<Measured, Failure> {
    let before = cpu_seconds(servers);
    client.go()?;
    let report: Report = client.report()?;
    let ended = Instant::now();
    let found = log.map(|log| log.wait(report.messages, ended));
    let cpu = report.cpu_seconds + cpu_seconds(servers) - before;
    let expected = way.descriptors();
    if report.descriptor >= 0 && !expected.contains(&report.descriptor) {
        let (number, name) = (report.descriptor, way.name());
        return Err(Failure::new(format!(
            "{name}: the audit socket got number {number}, not one of {expected:?}"
        )));
    }
    Ok(Measured { report, cpu, found })
}

impl Measured {
    /// Refuses figures of a run in which something was lost.
    pub(crate) fn complete(self, way: &str) -> Result<Measured, Failure> {
        let sent = self.report.messages;
        match self.found {
            Some(found) if found.lines != sent => Err(Failure::new(format!(
                "{way}: {sent} messages were accepted, {} are in the log",
                found.lines
            ))),
            _ => Ok(self),
        }
    }

    /// Notes the time that messages took.
    pub(crate) fn note_latency(&self, variant: Variant, round: &mut Round) {
        if let Some(latency) = self.report.latency {
            round.note(variant, Metric::P50, latency.p50);
            round.note(variant, Metric::P99, latency.p99);
            round.note(variant, Metric::MEAN, latency.mean);
        }
    }

    /// Notes how many there were in which time, and what each took of processors.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn note_rate(&self, variant: Variant, round: &mut Round) {
        let (messages, seconds) = (self.report.messages as f64, self.report.seconds);
        round.note(variant, Metric::STORED, messages / seconds);
        round.note(variant, Metric::CPU, self.cpu / messages * 1e6);
        if let Some(found) = self.found {
            round.note(variant, Metric::IN_LOG, found.lines as f64 / (seconds + found.after.as_secs_f64()));
        }
    }
}

/// The kernel's audit and a folder, ours as long as this value lives.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) folder: PathBuf,
    _led: Led,
}

impl Host {
    pub(crate) fn hold(setting: &Setting) -> Result<Host, Failure> {
        let mut command = Command::new(&setting.bench);
        command.args(["host", "--parent", &std::process::id().to_string()]);
        // Ctrl-C must not end it before it has restored what it found.
        command.process_group(0);
        let led = Led::of(Leash::spawn(command, &setting.outputs, true)?)?;
        Ok(Host { folder: PathBuf::from(&led.ready), _led: led })
    }
}
