//! Debian's audit daemon inside the namespace, as on a machine of its own.

use crate::bench::Setting;
use crate::bench::log::Log;
use crate::bench::native::{Auditd, Flush};
use crate::bench::process::{How, Leash, Led, unique};
use crate::bench::round::{Metric, Rounds};
use crate::bench::world::{Way, World, measure_led};
use crate::command::Failure;
use std::process::{Command, Stdio};
use std::time::Instant;

/// A namespace with an audit daemon in it.
pub(super) struct Inhabited {
    pub(super) name: String,
    pub(super) auditd: Auditd,
    pub(super) leash: Leash,
}

impl Inhabited {
    /// Waits until the daemon logs.
    pub(super) fn start(world: &World<'_>) -> Result<Inhabited, Failure> {
        let name = format!("inside-{}", unique());
        let auditd = Auditd::configure(&world.host.folder.join(&name), Flush::None)?;
        let words = world.supervisor.run(&name, &[], &auditd.words());
        let mut leash = Leash::start(world.setting, &world.host.folder, &words, How::default())?;
        auditd.wait(&mut leash, |arguments| Inhabited::auditctl(world, &name, arguments))?;
        Ok(Inhabited { name, auditd, leash })
    }

    /// `auditctl` inside.
    pub(super) fn auditctl(world: &World<'_>, name: &str, arguments: &[&str]) -> Command {
        let words: Vec<String> =
            ["auditctl"].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
        let words = world.supervisor.exec(name, &words);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null());
        command
    }
}

pub(super) fn one(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    measure(setting, rounds, &["--count", &setting.count(5000, 300).to_string()])
}

pub(super) fn eight(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    measure(setting, rounds, &["--clients", "8", "--count", &setting.count(1500, 50).to_string()])
}

fn measure(setting: &Setting, rounds: &mut Rounds, client: &[&str]) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let client = world.client(client);
    let inhabited = Inhabited::start(&world)?;
    let (mut lost, mut sent) = (0, 0);
    let measured = rounds.each(u32::MAX, &[Way::Auditd, Way::Auditns], |way, round| {
        if way == Way::Auditd {
            let measured = world.measure(way, &client)?.complete(way.name())?;
            measured.note_latency(way.name(), round);
            measured.note_rate(way.name(), round);
            return Ok(());
        }
        let inside = Log::from_now_on(&inhabited.auditd.log());
        let host = Log::from_now_on(&world.supervisor.log(&inhabited.name).join("audit.log"));
        let words = world.supervisor.exec(&inhabited.name, &client);
        let mut led = Led::start(setting, &world.host.folder, &words)?;
        let mut servers = world.supervisor.leash.processes();
        servers.extend(inhabited.leash.processes());
        let measured = measure_led(&mut led, way, &servers, Some(&inside))?;
        let at_the_host = host.wait(measured.report.messages, Instant::now()).lines;
        if at_the_host != measured.report.messages {
            let messages = measured.report.messages;
            return Err(Failure::new(format!(
                "{messages} messages were accepted, {at_the_host} are in the host's log"
            )));
        }
        sent += measured.report.messages;
        lost += measured.found.map_or(0, |found| measured.report.messages.saturating_sub(found.lines));
        measured.note_latency(way.name(), round);
        measured.note_rate(way.name(), round);
        round.note(way.name(), Metric::LOST, 0.0);
        Ok(())
    });
    if lost > 0 {
        rounds.remark(format!(
            "{lost} of {sent} messages did not reach auditd inside; all are in the host's log"
        ));
    }
    measured
}
