//! Playing a plan, and what to say of one that fails.

use crate::plan::Plan;
use crate::shrink::shrink;
use crate::tally::Tally;
use crate::world::World;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A history after which something is not as it should be.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Where it comes from.
    pub seed: u64,
    /// What is wrong, as a sentence.
    pub broken: String,
    /// The least that still fails, though perhaps in another way.
    pub plan: Plan,
}

/// Plays the history of a seed.
///
/// # Errors
/// The failure, with the smallest history that leads to one.
pub fn run(seed: u64) -> Result<Tally, Box<Failure>> {
    let plan = Plan::of(seed);
    play(&plan).map_err(|_| {
        let plan = shrink(plan);
        let broken = play(&plan).err().unwrap_or_default();
        Box::new(Failure { seed, broken, plan })
    })
}

/// Plays a history, to its end or to the first step after which something is wrong.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn play(plan: &Plan) -> Result<Tally, String> {
    // A namespace that panics has failed as well, and its history is to be shrunk as any other.
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(plan)?;
        for (at, step) in plan.steps.iter().enumerate() {
            world.take(step).map_err(|broken| format!("After step {at}: {broken}"))?;
        }
        world.end().map_err(|broken| format!("At the end: {broken}"))?;
        Ok(world.tally())
    }));
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        Err(format!("A namespace panics: {}", text.unwrap_or("for no reason given")))
    })
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Seed {} fails. {}", self.seed, self.broken)?;
        for (at, setup) in self.plan.setups.iter().enumerate() {
            writeln!(out, "  namespace {at}: {setup:?}")?;
        }
        for (at, step) in self.plan.steps.iter().enumerate() {
            writeln!(out, "  step {at}: {step:?}")?;
        }
        Ok(())
    }
}
