//! The smallest history that still fails.

use crate::plan::Plan;
use crate::run::play;
use crate::step::{Act, Step};

/// Takes steps out, then messages out of datagrams, then namespaces, for as long as what is left fails.
pub(crate) fn shrink(mut plan: Plan) -> Plan {
    loop {
        let before = size(&plan);
        without_steps(&mut plan);
        without_messages(&mut plan);
        without_namespaces(&mut plan);
        if size(&plan) == before {
            return plan;
        }
    }
}

fn size(plan: &Plan) -> usize {
    let messages = plan.steps.iter().map(|step| match step {
        Step::In(_, Act::Send { messages, .. }) => messages.len(),
        _ => 0,
    });
    plan.setups.len() + plan.steps.len() + messages.sum::<usize>()
}

/// Keeps a change if the plan still fails with it.
fn attempt(plan: &mut Plan, change: impl FnOnce(&mut Plan)) -> bool {
    let mut changed = plan.clone();
    change(&mut changed);
    let fails = play(&changed).is_err();
    if fails {
        *plan = changed;
    }
    fails
}

/// Runs of steps, the longest first, from the end to the beginning.
fn without_steps(plan: &mut Plan) {
    let mut length = plan.steps.len();
    while length > 0 {
        let mut until = plan.steps.len();
        while until > 0 {
            let from = until.saturating_sub(length);
            attempt(plan, |plan| drop(plan.steps.drain(from..until)));
            until = from;
        }
        length /= 2;
    }
}

fn without_messages(plan: &mut Plan) {
    for at in 0..plan.steps.len() {
        let mut last = usize::MAX;
        while let Step::In(_, Act::Send { messages, .. }) = &plan.steps[at]
            && messages.len() > 1
            && last > 0
        {
            last = last.min(messages.len()) - 1;
            attempt(plan, |plan| {
                if let Step::In(_, Act::Send { messages, .. }) = &mut plan.steps[at] {
                    messages.remove(last);
                }
            });
        }
    }
}

/// A namespace goes with all that happens to it; the others keep their places.
fn without_namespaces(plan: &mut Plan) {
    for gone in (0..plan.setups.len()).rev() {
        if plan.setups.len() > 1 {
            attempt(plan, |plan| {
                let count = plan.setups.len();
                plan.setups.remove(gone);
                plan.steps
                    .retain(|step| !matches!(step, Step::In(namespace, _) if namespace % count == gone));
                for step in &mut plan.steps {
                    if let Step::In(namespace, _) = step {
                        *namespace %= count;
                        *namespace -= usize::from(*namespace > gone);
                    }
                }
            });
        }
    }
}
