//! System calls: those of a namespace's own, and those that have nothing to do with audit.

use crate::bench::Setting;
use crate::bench::process::Led;
use crate::bench::round::{Metric, Rounds, Variant};
use crate::bench::world::{Way, World};
use crate::command::Failure;
use auditns_bench::report::Calls;

/// The calls, by the names that the program gives them.
const CALLS: [&str; 6] = ["getppid", "read", "openat+close", "setsockopt", "bind", "recvfrom"];
/// As these.
const FILES: [&str; 3] = ["login uid", "other file, O_NOFOLLOW", "other file"];
/// Short rounds, as all programs are there at the same time.
const STEPS_A_ROUND: u32 = 5;

pub(super) fn open(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let client = world.client(&["--operation", "open", "--count", &setting.count(1000, 50).to_string()]);
    rounds.each(u32::MAX, &[Way::Auditd, Way::Auditns], |way, round| {
        let variant = if way == Way::Auditd { "kernel" } else { way.name() };
        world.measure_unlogged(way, &client)?.note_latency(variant, round);
        Ok(())
    })
}

pub(super) fn unrelated(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let world = World::new(setting)?;
    let count = setting.count(2000, 50).to_string();
    let program = setting.bench.display().to_string();
    let plain = [program, "calls".to_owned(), "--count".to_owned(), count];
    let below = [&plain[..], &["--profile".to_owned()]].concat();
    let words = [
        ("no filter", plain.to_vec()),
        ("profile", below.clone()),
        ("auditns", world.supervisor.run("plain", &[], &plain)),
        ("profile, auditns", world.supervisor.run("below", &[], &below)),
    ];
    in_turns(setting, &world, &words, &CALLS, rounds)
}

pub(super) fn login_files(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let world = World::new(setting)?;
    let program = setting.bench.display().to_string();
    let words =
        [program, "login-files".to_owned(), "--count".to_owned(), setting.count(2000, 80).to_string()];
    let ways = ["keep", "virtual"].map(|way| (way, world.supervisor.run(way, &["--loginuid", way], &words)));
    in_turns(setting, &world, &ways, &FILES, rounds)
}

/// Has each program measure its calls, in turns.
fn in_turns(
    setting: &Setting,
    world: &World<'_>,
    words: &[(Variant, Vec<String>)],
    names: &[&'static str],
    rounds: &mut Rounds,
) -> Result<(), Failure> {
    let mut programs = Vec::new();
    for (variant, words) in words {
        programs.push((*variant, Led::start(setting, &world.host.folder, words)?));
    }
    rounds.each(u32::MAX, &[()], |(), round| {
        let mut best: Vec<Calls> = vec![Calls::new(); programs.len()];
        for step in 0..STEPS_A_ROUND as usize {
            for at in 0..programs.len() {
                let at = (at + step) % programs.len();
                let Some((_, program)) = programs.get_mut(at) else { continue };
                for (name, time) in program.step::<Calls>()? {
                    let known = best[at].entry(name).or_insert(time);
                    *known = known.min(time);
                }
            }
        }
        for ((variant, _), calls) in programs.iter().zip(best) {
            for &name in names {
                let time = calls.get(name).copied();
                let time = time.ok_or_else(|| Failure::new(format!("{variant}: {name} was not measured")))?;
                round.note(variant, Metric { name, unit: "ns" }, time);
            }
        }
        Ok(())
    })
}
