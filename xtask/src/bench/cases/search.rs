//! Records found in a long log.

use crate::bench::Setting;
use crate::bench::round::{Metric, Rounds};
use crate::bench::world::Host;
use crate::command::Failure;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

pub(crate) const TIME: Metric = Metric { name: "time", unit: "s" };
/// What is searched for, and what stands between.
const TYPES: [&str; 5] = ["USER_LOGIN", "CRED_ACQ", "USER_START", "USER_ACCT", "CRED_DISP"];
const NAMESPACE: &str = "searched";

pub(super) fn search(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let host = Host::hold(setting)?;
    let logs = host.folder.join("log");
    let log = logs.join(NAMESPACE).join("audit.log");
    let events = setting.count(200_000, 4000);
    write_log(&log, events)
        .map_err(|error| Failure::new(format!("{} cannot be written ({error})", log.display())))?;
    let ausearch = || {
        let mut command = Command::new("ausearch");
        command.arg("-if").arg(&log).args(["-m", TYPES[0], "--raw"]);
        command
    };
    let ours = || {
        let mut command = Command::new(&setting.auditns);
        command.args(["logs", NAMESPACE, "--log-dir"]).arg(&logs).arg("--run-dir").arg(&host.folder);
        command.args(["--search", &format!("type={}", TYPES[0])]);
        command
    };
    for mut command in [ausearch(), ours()] {
        let output = command.output().map_err(|error| Failure::new(format!("{command:?}: {error}")))?;
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        if !output.status.success() || lines != events as usize {
            let (status, complaint) =
                (output.status, String::from_utf8_lossy(&output.stderr).trim().to_owned());
            return Err(Failure::new(format!(
                "{command:?} found {lines} of {events} lines ({status}): {complaint}"
            )));
        }
    }
    rounds.each(u32::MAX, &["ausearch", "auditns"], |variant, round| {
        let mut command = if variant == "ausearch" { ausearch() } else { ours() };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().map_err(|error| Failure::new(format!("{command:?}: {error}")))?;
        if !status.success() {
            return Err(Failure::new(format!("{command:?} ended with {status}")));
        }
        round.note(variant, TIME, start.elapsed().as_secs_f64());
        Ok(())
    })
}

/// Five records for each event, as long as real ones.
fn write_log(path: &Path, events: u32) -> std::io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = BufWriter::new(File::create(path)?);
    for event in 0..events {
        for (number, name) in (0..).zip(TYPES) {
            let (seconds, serial) = (1_700_000_000 + event / 50, event * 5 + number + 1);
            writeln!(
                file,
                "type={name} msg=audit({seconds}.{:03}:{serial}): pid={} uid=0 auid=1000 ses=3 \
                 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=192.0.2.7 addr=192.0.2.7 \
                 terminal=/dev/pts/0 res=success'",
                event % 1000,
                1000 + event % 30_000,
            )?;
        }
    }
    file.flush()
}
