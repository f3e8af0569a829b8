//! A fixed number of histories, more of them in a release build. `cargo xtask sim` plays as many as one likes.

use auditns_sim::{Tally, families, run};

const SEEDS: u64 = if cfg!(debug_assertions) { 300 } else { 3000 };

#[test]
fn namespaces_do_what_the_model_does_and_keep_the_rules() {
    let mut sum = Tally::default();
    for seed in 0..SEEDS {
        match run(seed) {
            Ok(tally) => sum.add(&tally),
            Err(failure) => panic!("{failure}"),
        }
    }
    // The histories are only worth something if they lead into every corner, and often.
    let corners = [sum.full, sum.pauses, sum.registrations, sum.copies, sum.restarts];
    assert!(corners.into_iter().chain(sum.losses).all(|count| count > SEEDS / 10), "{sum:?}");
    assert!(sum.events() > SEEDS * 1000, "{sum}");
}

#[test]
fn everything_in_a_family_is_its_namespaces_own() {
    let mut sum = families::Count::default();
    for seed in 0..SEEDS * 10 {
        match families::run(seed) {
            Ok(count) => sum.add(&count),
            Err(failure) => panic!("{failure}"),
        }
    }
    let families::Count { made, refused, nested, delivered, restarts } = sum;
    assert!([made, refused, nested, delivered, restarts].iter().all(|count| *count > SEEDS), "{sum:?}");
}
