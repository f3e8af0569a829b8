//! An audit daemon inside that stands still: nothing is lost at the host, and nobody waits longer than the namespace says.

use super::inside::Inhabited;
use crate::bench::Setting;
use crate::bench::log::Log;
use crate::bench::native::configure;
use crate::bench::process::Led;
use crate::bench::round::{Metric, Rounds};
use crate::bench::world::{Way, World, measure_led};
use crate::command::Failure;
use rustix::process::{Signal, kill_process};

/// How long a sender may wait in the namespace, in jiffies.
const WAIT_JIFFIES: &str = "5";
/// The same at 100 jiffies a second, which is the slowest clock of a kernel, with much time for a busy machine. Only what nearly
/// all messages wait is held to it: the longest one may have met a moment in which the whole machine stood still.
const P99_MICROSECONDS: f64 = 1_000_000.0;
/// Records that may wait for the daemon, as text for `auditctl`.
const QUEUE: &str = "32";
/// Messages that were logged while it stood still: none.
const IN_ITS_LOG: Metric = Metric { name: "in auditd's log", unit: "messages" };

pub(super) fn stopped(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let world = World::new(setting)?;
    let client = world.client(&["--count", &setting.count(2000, 1000).to_string()]);
    rounds.each(3, &[Way::Auditns], |way, round| {
        let inhabited = Inhabited::start(&world)?;
        configure(Inhabited::auditctl(&world, &inhabited.name, &["-b", QUEUE]))?;
        configure(Inhabited::auditctl(&world, &inhabited.name, &["--backlog_wait_time", WAIT_JIFFIES]))?;
        let host = Log::from_now_on(&world.supervisor.log(&inhabited.name).join("audit.log"));
        let inside = Log::from_now_on(&inhabited.auditd.log());
        for pid in inhabited.leash.processes() {
            let _ = kill_process(pid, Signal::STOP);
        }
        let words = world.supervisor.exec(&inhabited.name, &client);
        let mut led = Led::start(setting, &world.host.folder, &words)?;
        let measured = measure_led(&mut led, way, &[], Some(&host))?;
        let in_log = measured.found.map_or(0, |found| found.lines);
        let (p99, longest) =
            measured.report.latency.map_or((0.0, 0.0), |latency| (latency.p99, latency.longest));
        if p99 > P99_MICROSECONDS {
            return Err(Failure::new(format!(
                "one message in a hundred waited {p99:.0} us; the namespace says {WAIT_JIFFIES} jiffies"
            )));
        }
        #[allow(clippy::cast_precision_loss)]
        let lost = measured.report.messages.abs_diff(in_log) as f64;
        if lost > 0.0 {
            return Err(Failure::new(format!(
                "{lost} of {} messages are not in the host's log",
                measured.report.messages
            )));
        }
        let inside = inside.count();
        if inside >= measured.report.messages {
            return Err(Failure::new("auditd did not stand still".to_owned()));
        }
        #[allow(clippy::cast_precision_loss)]
        round.note(way.name(), IN_ITS_LOG, inside as f64);
        round.note(way.name(), Metric::LOST, lost);
        round.note(way.name(), Metric::LONGEST, longest);
        measured.note_latency(way.name(), round);
        Ok(())
    })
}
