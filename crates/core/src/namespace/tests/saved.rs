//! A namespace that is saved and read back is the same namespace.

use super::keeping::{Keeping, read_back, written};
use super::properties::{Run, Step, step};
use super::request::{ASK, message};
use super::rig::Rig;
use crate::Policy;
use auditns_wire::message_type::{ADD_RULE, LIST_RULES};
use auditns_wire::rule::{Operator, RuleData, UNSET_ID, field};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Plays a script; the actions are those of the whole run.
fn play(policy: Policy, limit: u32, steps: &[Step], keeping: Keeping) -> Run {
    let mut run = Run::kept(policy, limit, keeping);
    for step in steps {
        run.take(step.clone());
    }
    run
}

fn policy() -> impl Strategy<Value = Policy> {
    prop_oneof![3 => Just(Policy::Normal), 1 => Just(Policy::Strict)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_does_what_the_one_does_that_was_never_saved(
        policy in policy(),
        limit in 0..5_u32,
        every in 1..20_usize,
        steps in vec(step(), 0..60),
    ) {
        let plain = play(policy, limit, &steps, Keeping::journal(usize::MAX));
        let saved = play(policy, limit, &steps, Keeping::restored(every));
        prop_assert_eq!(saved.rig.keeping.actions(), plain.rig.keeping.actions());
        prop_assert_eq!(&saved.rig.trace, &plain.rig.trace);
        prop_assert_eq!(written(&saved.rig.namespace), written(&plain.rig.namespace));
    }

    #[test]
    fn a_replayed_journal_leads_to_the_same_state_and_actions(
        policy in policy(),
        limit in 0..5_u32,
        from in 1..200_usize,
        steps in vec(step(), 0..60),
    ) {
        let run = play(policy, limit, &steps, Keeping::journal(from));
        let Keeping::Journal { actions, journal, .. } = &run.rig.keeping else { unreachable!() };
        if let Some((namespace, tail)) = journal.replay() {
            prop_assert_eq!(&tail[..], &actions[journal.taken_before..]);
            prop_assert_eq!(written(&namespace), written(&run.rig.namespace));
        }
    }
}

#[test]
fn rules_with_everything_in_them_are_read_back() {
    let mut rig = Rig::new();
    let member = rig.member(10);
    for watched in [field::WATCH, field::DIR] {
        let buf = b"/bin/su/etckeyed";
        let fields = [
            (field::EXE, 7),
            (watched, 4),
            (field::FILTERKEY, 5),
            (field::LOGINUID, UNSET_ID),
            (field::UID, 3),
        ];
        let mut data = RuleData { flags: 4, action: 2, field_count: 5, buf, ..RuleData::default() };
        for (slot, (number, value)) in fields.into_iter().enumerate() {
            (data.fields[slot], data.values[slot], data.fieldflags[slot]) =
                (number, value, Operator::Equal.code());
        }
        (data.mask[0], data.mask[40], data.mask[62]) = (u32::MAX, 5, 1 << 31);
        assert_eq!(rig.ask(&member, ADD_RULE, &data.encode()), 0);
    }
    let list = message(LIST_RULES, ASK, 1, &[]);
    let listed = rig.send(&member, &list);
    rig.namespace = read_back(&rig.namespace);
    assert_eq!(rig.send(&member, &list), listed);
    assert_eq!(listed.len(), 4);
}

/// The random scripts are only worth something if they lead to states with something in every part.
#[test]
fn what_is_saved_is_not_empty() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = [0; 9];
    for _ in 0..100 {
        let steps = vec(step(), 60).new_tree(&mut runner).unwrap().current();
        let mut run = Run::kept(Policy::Normal, 2, Keeping::Off);
        for step in steps {
            run.take(step);
            let namespace = &run.rig.namespace;
            let [hold, retry, main] = namespace.queues.totals().0;
            let parts = [
                hold,
                retry,
                main,
                namespace.worker.bytes(),
                namespace.waiters.held(),
                namespace.refusals.len(),
                namespace.rules_count(),
                namespace.tty.len(),
                usize::from(namespace.daemon().is_some()),
            ];
            for (seen, part) in seen.iter_mut().zip(parts) {
                *seen += usize::from(part > 0);
            }
        }
    }
    assert!(seen.iter().all(|steps| *steps > 20), "steps after which each part held something: {seen:?}");
}
