//! A client that logs now and then, on a machine that does nothing else, or too much.

use crate::bench::Setting;
use crate::bench::process::{How, Leash};
use crate::bench::round::Rounds;
use crate::bench::world::{Way, World};
use crate::command::Failure;

/// Busy programs for each processor.
const HOGS: usize = 2;

/// One message each 2 ms.
pub(super) fn arguments(setting: &Setting) -> [String; 4] {
    ["--interval", "2000", "--count", &setting.count(500, 50).to_string()].map(str::to_owned)
}

pub(super) fn sparse(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    measure(&mut world, rounds)
}

pub(super) fn hogs(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let words = [setting.bench.as_os_str(), "spin".as_ref()];
    let how = How { session: true, ..How::default() };
    let busy = (0..processors * HOGS).map(|_| Leash::start(setting, &world.host.folder, &words, how));
    let _busy = busy.collect::<Result<Vec<Leash>, Failure>>()?;
    measure(&mut world, rounds)
}

fn measure(world: &mut World<'_>, rounds: &mut Rounds) -> Result<(), Failure> {
    let arguments = arguments(world.setting);
    let client = world.client(&arguments.each_ref().map(String::as_str));
    rounds.each(u32::MAX, &[Way::Auditd, Way::Reader, Way::Auditns], |way, round| {
        world.measure(way, &client)?.complete(way.name())?.note_latency(way.name(), round);
        Ok(())
    })
}
