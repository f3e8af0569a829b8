//! A sequence for people.

use super::generate::{ACTORS, sequence};
use crate::datagram;
use crate::hex::short_hex;
use crate::messages::SET;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Stand for the actors' process ids, which differ from play to play.
const PIDS: [u32; 4] = [0xa000_0000, 0xa000_0001, 0xa000_0002, 0xa000_0003];

/// The steps that are not left out, a line each, and a line for each message in them.
pub(crate) fn show(seed: u64, steps: usize, drop: &BTreeSet<usize>) -> String {
    let mut out = String::new();
    for (i, request) in
        sequence(seed, steps, &PIDS).into_iter().enumerate().filter(|(i, _)| !drop.contains(i))
    {
        let _ = writeln!(out, "  step {i}: {} sends {} bytes", ACTORS[request.actor], request.bytes.len());
        let mut walked = 0;
        for found in datagram::walk(&request.bytes) {
            walked += (16 + found.body.len()).next_multiple_of(4);
            let _ = write!(out, "    type={} flags={:#x} seq={} ", found.kind, found.flags, found.seq);
            let _ = writeln!(out, "length={} {}", found.body.len(), payload(&found));
        }
        if let Some(rest) = request.bytes.get(walked..).filter(|rest| !rest.is_empty()) {
            let _ = writeln!(out, "    no message: {}", short_hex(rest));
        }
    }
    out
}

fn payload(found: &datagram::Found<'_>) -> String {
    let word = |i| found.word(i);
    if found.kind == SET {
        let actor = PIDS.iter().position(|pid| *pid == word(3)).map(|at| ACTORS[at]);
        let pid = actor.map_or_else(|| word(3).to_string(), |name| format!("<{name}>"));
        return format!(
            "mask={:#x} enabled={} failure={} pid={pid} rate={} limit={} wait={}",
            word(0),
            word(1),
            word(2),
            word(4),
            word(5),
            word(9)
        );
    }
    short_hex(found.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_has_the_steps_that_are_left() {
        let text = show(1, 10, &(0..9).collect());
        assert!(text.starts_with("  step 9: ") && text.matches("step").count() == 1, "{text}");
    }
}
