//! Many namespaces that do nothing, and one that does something.

use crate::bench::Setting;
use crate::bench::process::{Leash, Led};
use crate::bench::round::{Metric, Round, Rounds};
use crate::bench::world::{Way, World};
use crate::command::Failure;
use auditns_bench::report::Made;
use std::fs;

/// As many as there can be.
const POLICY: &str = "[limits]\nnamespaces = 65536\n";
/// With fewer, memory says more about everything else that happens.
const ENOUGH_FOR_MEMORY: u32 = 50;

/// A call of which the supervisor is notified.
pub(crate) const CALL: Metric = Metric { name: "notified call", unit: "us" };
const CREATION: Metric = Metric { name: "creation", unit: "us" };
const WITH_START: Metric = Metric { name: "creation with a process", unit: "us" };
const KERNEL_MEMORY: Metric = Metric { name: "kernel memory", unit: "KiB" };
const OUR_MEMORY: Metric = Metric { name: "our memory", unit: "KiB" };

pub(super) fn one(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    rounds.each(u32::MAX, &[()], |(), round| measure(setting, round, 1))
}

pub(super) fn thousand(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    let count = setting.count(1000, 100);
    rounds.each(3, &[()], |(), round| measure(setting, round, count))
}

pub(super) fn ten_thousand(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    rounds.each(2, &[()], |(), round| measure(setting, round, 10_000))
}

fn measure(setting: &Setting, round: &mut Round, count: u32) -> Result<(), Failure> {
    let mut world = World::with_policy(setting, Some(POLICY))?;
    let call = world.client(&["--operation", "open", "--count", &setting.count(2000, 100).to_string()]);
    let before = world.measure_unlogged(Way::Auditns, &call)?;
    let ours_before = own_memory(&world.supervisor.leash)?;

    let mut members = Members::start(&world, count, true)?;
    let made = members.make()?;
    let (ours, kernels) = (own_memory(&world.supervisor.leash)?, kernel_memory()?);
    let after = world.measure_unlogged(Way::Auditns, &call)?;
    drop(members);
    // As many processes without namespaces, after those with: what a kernel keeps of what was freed serves both.
    let mut control = Members::start(&world, count, false)?;
    let plain = control.make()?;
    let kernels_control = kernel_memory()?;
    drop(control);

    let variant = Way::Auditns.name();
    round.note(variant, WITH_START, made.p50);
    round.note(variant, CREATION, made.p50 - plain.p50);
    if count >= ENOUGH_FOR_MEMORY {
        round.note(variant, KERNEL_MEMORY, (kernels - kernels_control) / f64::from(count));
        round.note(variant, OUR_MEMORY, (ours - ours_before) / f64::from(count));
    }
    for (variant, measured) in [("one namespace", before), (variant, after)] {
        if let Some(latency) = measured.report.latency {
            round.note(variant, CALL, latency.p50);
        }
    }
    Ok(())
}

/// Processes that do nothing.
struct Members {
    led: Led,
    count: u32,
}

impl Members {
    fn start(world: &World<'_>, count: u32, in_namespaces: bool) -> Result<Members, Failure> {
        let [program, member] =
            [&world.setting.bench, &world.setting.pause].map(|path| path.display().to_string());
        let mut words = vec![program, "members".to_owned(), "--count".to_owned(), count.to_string()];
        if in_namespaces {
            words.extend(["--run-dir".to_owned(), world.supervisor.run_folder.display().to_string()]);
        }
        words.push(member);
        Ok(Members { led: Led::start(world.setting, &world.host.folder, &words)?, count })
    }

    /// All of them, or the number that there could be, and why.
    fn make(&mut self) -> Result<Made, Failure> {
        let made: Made = self.led.step()?;
        match &made.refused {
            None if made.count == self.count => Ok(made),
            reason => {
                let reason = reason.as_deref().unwrap_or("no reason was given");
                Err(Failure::new(format!("{} of {} could be made: {reason}", made.count, self.count)))
            }
        }
    }
}

/// KiB of the kernel that are not cached files.
fn kernel_memory() -> Result<f64, Failure> {
    let names = ["Slab:", "VmallocUsed:", "KernelStack:", "PageTables:", "Percpu:"];
    let text = fs::read_to_string("/proc/meminfo");
    let text = text.map_err(|error| Failure::new(format!("/proc/meminfo cannot be read ({error})")))?;
    add(&text, &names).ok_or_else(|| Failure::new(format!("/proc/meminfo does not tell {}", names.join(" "))))
}

/// KiB of the processes on a leash.
fn own_memory(leash: &Leash) -> Result<f64, Failure> {
    let processes = leash.processes();
    let texts: Vec<String> = processes
        .iter()
        // What helps it for a moment only is gone, or goes.
        .filter_map(|pid| fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.as_raw_nonzero())).ok())
        .collect();
    let sum = texts.iter().map(|text| add(text, &["Pss:"])).sum::<Option<f64>>();
    sum.filter(|sum| *sum > 0.0).ok_or_else(|| Failure::new("/proc does not tell the supervisor's memory"))
}

fn add(text: &str, names: &[&str]) -> Option<f64> {
    let value = |name: &&str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    names.iter().map(value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_memory_are_added() {
        let text = "Slab:  100 kB\nSReclaimable: 7 kB\nKernelStack:   20 kB\n";
        assert_eq!(add(text, &["Slab:", "KernelStack:"]), Some(120.0));
        assert_eq!(add(text, &["Slab:", "Percpu:"]), None);
        assert!(kernel_memory().unwrap() > 0.0);
    }
}
