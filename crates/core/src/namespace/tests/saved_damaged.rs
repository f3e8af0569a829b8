//! Bytes that are no saved namespace any more.

use super::super::Namespace;
use super::keeping::{Keeping, written};
use super::properties::{Run, Step, step};
use super::rig::{now, process};
use crate::{Answers, Delivery, EndpointId, Input, Now, OwnedInput, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::time::Duration;

/// Actions that one input may lead to before the test takes it for endless.
const ACTIONS: usize = 100_000;

/// Uses a namespace of which nothing is known, with whatever its endpoints are called.
fn survive(mut namespace: Namespace) {
    let sender = &process(20);
    let answers = &Answers::default();
    let user = &super::request::message(1112, super::request::ASK, 1, b"text\0")[..];
    let register = &super::request::set_pid(20)[..];
    let second = Duration::from_secs(201);
    let times = [(second, user), (second, register), (Duration::MAX, register), (Duration::ZERO, user)];
    for (since_boot, bytes) in times {
        let clock = Now { since_boot, ..now(second) };
        for number in 0..8 {
            let endpoint = EndpointId(number);
            for input in [
                Input::Datagram { endpoint, sender, bytes, answers },
                Input::Writable { endpoint },
                Input::Delivered { endpoint, outcome: Delivery::Full },
                Input::StoreFailed { serial: 1, errno: auditns_wire::Errno(i32::MIN) },
                Input::Tick,
            ] {
                namespace.handle(input, clock);
                assert!((0..ACTIONS).any(|_| namespace.poll_action().is_none()), "endless actions");
            }
            if bytes == user {
                namespace.handle(Input::EndpointClosed { endpoint }, clock);
            }
        }
    }
}

/// A saved namespace that has been used.
fn saved(steps: Vec<Step>) -> Vec<u8> {
    let mut run = Run::kept(Policy::Normal, 3, Keeping::Off);
    for step in steps {
        run.take(step);
    }
    written(&run.rig.namespace)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_found_or_survived(
        steps in vec(step(), 0..40),
        damage in vec((any::<usize>(), prop_oneof![Just(0_u8), Just(0xff), any::<u8>()], 1..10_usize), 1..4),
    ) {
        let mut bytes = saved(steps);
        for (at, byte, length) in damage {
            let at = at % bytes.len();
            let end = bytes.len().min(at + length);
            bytes[at..end].fill(byte);
        }
        if let Ok(namespace) = postcard::from_bytes(&bytes) {
            survive(namespace);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_some_input(bytes in vec(any::<u8>(), 0..100)) {
        if let Ok(input) = postcard::from_bytes::<OwnedInput>(&bytes) {
            let mut run = Run::kept(Policy::Normal, 3, Keeping::Off);
            run.rig.namespace.handle(input.as_input(), now(Duration::from_secs(200)));
            survive(run.rig.namespace);
        }
    }
}

/// Numbers at the ends of what a field can hold, as they are written.
const EXTREMES: [&[u8]; 4] = [
    &[0],
    &[0xff, 0xff, 3],
    &[0xff, 0xff, 0xff, 0xff, 0xf],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
];

/// Every number in turn, because a byte at random seldom makes one that is too large and fits in all the same.
#[test]
fn an_extreme_number_in_any_place_is_survived() {
    let mut runner = TestRunner::deterministic();
    let mut read = 0;
    for _ in 0..20 {
        let bytes = saved(vec(step(), 60).new_tree(&mut runner).unwrap().current());
        for at in 0..bytes.len() {
            let length = bytes[at..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
            let end = bytes.len().min(at + length);
            for extreme in EXTREMES {
                if let Ok(namespace) = postcard::from_bytes(&[&bytes[..at], extreme, &bytes[end..]].concat())
                {
                    read += 1;
                    survive(namespace);
                }
            }
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn a_saved_namespace_that_was_cut_is_refused() {
    let bytes = saved(Vec::new());
    for length in 0..bytes.len() {
        assert!(postcard::from_bytes::<Namespace>(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
}

/// Lengths that promise more than there is, where the reader could set memory aside for them.
#[test]
fn a_length_without_bytes_takes_no_memory() {
    let promise = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1];
    assert!(postcard::from_bytes::<crate::rules::PathAnswers>(&promise).is_err());
    assert!(postcard::from_bytes::<crate::MappedIds>(&promise).is_err());
    assert!(postcard::from_bytes::<crate::rules::PathQuestion>(&promise).is_err());
    let bytes = [&[3, 1][..], &written(&process(1)), &promise].concat();
    assert!(postcard::from_bytes::<OwnedInput>(&bytes).is_err(), "a datagram of so many bytes");
}
