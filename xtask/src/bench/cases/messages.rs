//! Clients that log as fast as they can.

use crate::bench::Setting;
use crate::bench::round::{Metric, Round, Rounds};
use crate::bench::world::{Measured, Way, World};
use crate::command::Failure;

/// No case needs more.
const ALL_ROUNDS: u32 = u32::MAX;

pub(super) fn acked(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let count = setting.count(5000, 500).to_string();
    measure(setting, rounds, &[Way::Auditd, Way::Auditns, Way::Embedded], &["--count", &count])
}

pub(super) fn clients_8(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    clients(setting, rounds, 8, setting.count(4000, 100))
}

pub(super) fn clients_64(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    clients(setting, rounds, 64, setting.count(800, 20))
}

pub(super) fn clients_256(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    clients(setting, rounds, 256, setting.count(200, 10))
}

fn clients(setting: &Setting, rounds: &mut Rounds, clients: u32, count: u32) -> Result<(), Failure> {
    let [clients, count] = [clients, count].map(|number| number.to_string());
    let ways = [Way::Auditd, Way::AuditdAsync, Way::Auditns];
    measure(setting, rounds, &ways, &["--clients", &clients, "--count", &count])
}

pub(super) fn threads(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let count = setting.count(2000, 100).to_string();
    measure(setting, rounds, &[Way::Auditd, Way::Auditns], &["--threads", "8", "--count", &count])
}

pub(super) fn flood(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let count = setting.count(50_000, 2000).to_string();
    measure(setting, rounds, &[Way::Auditd, Way::Auditns], &["--operation", "unacked", "--count", &count])
}

fn measure(setting: &Setting, rounds: &mut Rounds, ways: &[Way], client: &[&str]) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let client = world.client(client);
    rounds.each(ALL_ROUNDS, ways, |way, round| {
        let measured = world.measure(way, &client)?.complete(way.name())?;
        measured.note_latency(way.name(), round);
        measured.note_rate(way.name(), round);
        Ok(())
    })
}

pub(super) fn libaudit(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let client = [setting.libaudit.display().to_string(), setting.count(10_000, 500).to_string()];
    rounds.each(ALL_ROUNDS, &[Way::Auditd, Way::Reader, Way::Auditns], |way, round| {
        let measured = world.measure(way, &client)?.complete(way.name())?;
        note_mean(&measured, way, Metric::MEAN, round);
        Ok(())
    })
}

#[allow(clippy::cast_precision_loss)]
fn note_mean(measured: &Measured, way: Way, metric: Metric, round: &mut Round) {
    round.note(way.name(), metric, measured.report.seconds / measured.report.messages as f64 * 1e6);
}

const RECEIVE: Metric = Metric { name: "receive that waits", unit: "us" };
const WAITING: Metric = Metric { name: "receive at once", unit: "us" };

/// What the number of an audit socket makes of each kind of call.
pub(super) fn ranges(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let count = setting.count(2000, 100).to_string();
    let message = world.client(&["--count", &count]);
    let receive = world.client(&["--operation", "receive", "--count", &count]);
    let waiting = world.client(&["--operation", "waiting", "--count", &setting.count(500, 20).to_string()]);
    rounds.each(ALL_ROUNDS, &[Way::Auditd, Way::Auditns, Way::Lowest, Way::Strict], |way, round| {
        world.measure(way, &message)?.complete(way.name())?.note_latency(way.name(), round);
        let receives = world.measure(way, &receive)?.complete(way.name())?;
        let looks = world.measure_unlogged(way, &waiting)?;
        for (metric, measured) in [(RECEIVE, receives), (WAITING, looks)] {
            if let Some(latency) = measured.report.latency {
                round.note(way.name(), metric, latency.p50);
            }
        }
        Ok(())
    })
}
