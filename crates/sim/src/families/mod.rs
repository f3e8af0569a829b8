//! Families: namespaces that members make inside theirs, in random histories of their own.
//!
//! The queues of each are those of any namespace, of which the other histories are about. These are about whose everything is,
//! so they know only what decides that: which namespaces there are, their limits, their audit daemons and their listeners.

mod books;
mod family;
mod history;

pub use history::{History, Step};

use crate::books::Broken;
use family::Rig;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came to pass in histories.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Namespaces that were made.
    pub made: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Records of nested namespaces that were stored.
    pub nested: u64,
    /// Records that were handed to audit daemons of nested namespaces.
    pub delivered: u64,
    /// How often a family was saved and read.
    pub restarts: u64,
}

impl Count {
    /// More came to pass.
    pub fn add(&mut self, more: &Count) {
        self.made += more.made;
        self.refused += more.refused;
        self.nested += more.nested;
        self.delivered += more.delivered;
        self.restarts += more.restarts;
    }
}

/// Plays the history of a family.
///
/// # Errors
/// What is wrong, as a sentence, with the least of the history after which something is.
pub fn run(seed: u64) -> Result<Count, String> {
    let mut history = History::of(seed);
    let played = play(&history);
    if played.is_ok() {
        return played;
    }
    let mut at = 0;
    while at < history.steps.len() {
        let step = history.steps.remove(at);
        if play(&history).is_ok() {
            history.steps.insert(at, step);
            at += 1;
        }
    }
    let broken = play(&history).err().unwrap_or_default();
    Err(format!("Seed {seed} of families fails. {broken}\n{history:#?}"))
}

/// Plays a history, to its end or to the first step after which something is wrong.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn play(history: &History) -> Result<Count, Broken> {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut rig = Rig::new(history)?;
        for (at, step) in history.steps.iter().enumerate() {
            rig.take(*step).map_err(|broken| format!("After step {at}, {step:?}: {broken}"))?;
        }
        rig.end().map_err(|broken| format!("At the end: {broken}"))
    }));
    played.unwrap_or_else(|_| Err("A family panics.".to_owned()))
}
