//! What the simulator is worth: it finds every fault that namespaces can be made to have.
#![cfg(feature = "faults")]

use auditns_core::{Fault, set_fault};
use auditns_sim::{families, plan::Plan, play, run};

/// Within so many histories each fault has to be found.
const SEEDS: u64 = 150;

/// The first seed whose history fails.
fn first_failure(fault: Option<Fault>) -> Option<(u64, String)> {
    set_fault(fault);
    let of_namespaces = |seed: u64| play(&Plan::of(seed)).err();
    let of_families = |seed: u64| families::play(&families::History::of(seed)).err();
    let found = (0..SEEDS).find_map(|seed| Some((seed, of_namespaces(seed).or_else(|| of_families(seed))?)));
    set_fault(None);
    found
}

#[test]
fn without_a_fault_no_history_fails() {
    assert_eq!(first_failure(None), None);
}

#[test]
fn every_fault_is_found() {
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        match first_failure(Some(*fault)) {
            Some((seed, broken)) => println!("{fault:?}: found with seed {seed}. {broken}"),
            None => missed.push(fault),
        }
    }
    assert!(missed.is_empty(), "{missed:?} are not found within {SEEDS} seeds");
}

#[test]
fn a_failure_is_told_in_a_few_steps_that_fail_again() {
    set_fault(Some(Fault::HeldDroppedAtRegistration));
    let failure = run(0).expect_err("a fault that seed 0 finds");
    let again = play(&failure.plan);
    set_fault(None);
    assert_eq!(again, Err(failure.broken.clone()));
    assert!(failure.plan.steps.len() <= 8 && failure.plan.setups.len() == 1, "{failure}");
    assert!(failure.to_string().starts_with("Seed 0 fails. After step "), "{failure}");
}
