//! A client that logs now and then, beside others that log without pause.

use super::sparse;
use crate::bench::Setting;
use crate::bench::native::{configure, kernel_auditctl};
use crate::bench::process::{Led, unique};
use crate::bench::round::{Rounds, Variant};
use crate::bench::world::{Way, World};
use crate::command::Failure;

/// What the loud ones are beside: the kernel's one queue, of one length or another, or a namespace of their own.
#[derive(Clone, Copy)]
enum Beside {
    Kernel(Variant, &'static str),
    Namespace,
}

const BESIDE: [Beside; 3] = [
    Beside::Kernel("auditd, backlog 64", "64"),
    Beside::Kernel("auditd, backlog 8192", "8192"),
    Beside::Namespace,
];

pub(super) fn eight(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    measure(setting, rounds, "8")
}

pub(super) fn many(setting: &Setting, rounds: &mut Rounds) -> Result<(), Failure> {
    measure(setting, rounds, "64")
}

fn measure(setting: &Setting, rounds: &mut Rounds, loud: &str) -> Result<(), Failure> {
    let mut world = World::new(setting)?;
    let arguments = sparse::arguments(setting);
    let quiet = world.client(&arguments.each_ref().map(String::as_str));
    let loud = world.client(&["--clients", loud, "--count", "0"]);
    rounds.each(u32::MAX, &BESIDE, |beside, round| {
        let (variant, way, words) = match beside {
            Beside::Kernel(variant, backlog) => {
                world.register(Way::Auditd)?;
                configure(kernel_auditctl(&["-b", backlog]))?;
                (variant, Way::Auditd, loud.clone())
            }
            Beside::Namespace => {
                let name = format!("loud-{}", unique());
                (Way::Auditns.name(), Way::Auditns, world.supervisor.run(&name, &[], &loud))
            }
        };
        let mut loud = Led::start(setting, &world.host.folder, &words)?;
        loud.go()?;
        // In the kernel's log their messages stand between ours; nobody counts them.
        let measured = match way {
            Way::Auditd => world.measure_unlogged(way, &quiet)?,
            _ => world.measure(way, &quiet)?.complete(variant)?,
        };
        if !loud.is_alive() {
            return Err(loud.leash().failure("ended while it should have been loud"));
        }
        measured.note_latency(variant, round);
        Ok(())
    })
}
