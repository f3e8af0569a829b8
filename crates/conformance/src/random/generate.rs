//! From a seed to a sequence of requests: valid ones, and ones with every kind of mistake.

use super::rng::Rng;
use super::rule::rule;
use crate::datagram;
use crate::messages::{
    ACK, ADD_RULE, DEL_RULE, GET, GET_FEATURE, LIST_RULES, MAKE_EQUIV, Message, REQUEST, SET, SET_FEATURE,
    SIGNAL_INFO, Status, TRIM, TTY_GET, TTY_SET, USER_TTY, mask, words,
};
use crate::play::is_dangerous;

/// One request datagram of an actor.
pub(super) struct Request {
    pub(super) actor: usize,
    pub(super) bytes: Vec<u8>,
}

pub(super) const ACTORS: [&str; 4] = ["a", "b", "auditd", "auditd2"];

/// Types of user messages; the last two ranges of the kernel's are drawn from in [`user_type`].
const USER_TYPES: [u16; 8] = [1005, 1100, 1105, 1107, 1112, 1199, 2100, 2999];
/// Types that a client cannot send, and their neighbours.
const OTHER_TYPES: [u16; 24] = [
    0, 1, 2, 3, 4, 15, 16, 17, 999, 1002, 1003, 1004, 1006, 1009, 1020, 1099, 1200, 1300, 1305, 1329, 2000,
    2099, 3000, 65535,
];

/// The whole sequence, given the actors' process ids.
pub(super) fn sequence(seed: u64, steps: usize, pids: &[u32; 4]) -> Vec<Request> {
    let mut rng = Rng(seed);
    let mut known_rules = Vec::new();
    let mut seq = 0;
    let mut out = Vec::new();
    while out.len() < steps {
        let actor = rng.below(4);
        // Its own process id first: the one it registers with.
        let mut order = pids.to_vec();
        order.swap(0, actor);
        let mut bytes = Vec::new();
        for _ in 0..if rng.chance(80) { 1 } else { 1 + rng.below(6) } {
            seq += 1;
            bytes.extend(message(&mut rng, &order, &mut known_rules, seq));
        }
        damage(&mut rng, &mut bytes);
        if !is_dangerous(&bytes) && !bytes.is_empty() && !races(&bytes) {
            out.push(Request { actor, bytes });
        }
    }
    out
}

/// Whether the answers depend on when the kernel's thread that sends records runs (`kauditd_thread`), while the messages of
/// one datagram are worked on. Whether what stands beside a registration, or its end, still reaches that auditd does, and so
/// does the length of the queue that a status tells after something was recorded.
fn races(datagram: &[u8]) -> bool {
    let mut messages = datagram::walk(datagram);
    let registers = |found: &datagram::Found<'_>| found.kind == SET && found.word(0) & mask::PID != 0;
    let first = messages.next();
    let rest: Vec<_> = messages.collect();
    let is_first = first.is_some_and(|found| registers(&found));
    !rest.is_empty() && (is_first || rest.iter().any(|found| found.kind == GET || registers(found)))
}

/// What comes after the last message, or is missing of it.
fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    match rng.below(40) {
        0 => bytes.extend(vec![rng.byte(); 1 + rng.below(20)]),
        1 => bytes.truncate(1 + rng.below(bytes.len())),
        2 => bytes.resize(bytes.len() + rng.pick(&[4, 16, 64]), 0),
        _ => {}
    }
}

fn message(rng: &mut Rng, pids: &[u32], known_rules: &mut Vec<Vec<u8>>, seq: u32) -> Vec<u8> {
    let (kind, payload) = match rng.below(22) {
        0..=5 => (SET, status(rng, pids)),
        6..=9 => (user_type(rng), text(rng)),
        10 => (USER_TTY, text(rng)),
        11 | 12 => {
            let payload = rule(rng, pids);
            known_rules.push(payload.clone());
            (rng.pick(&[ADD_RULE, ADD_RULE, ADD_RULE, DEL_RULE]), payload)
        }
        13 => match known_rules.len() {
            0 => (DEL_RULE, rule(rng, pids)),
            n => (rng.pick(&[DEL_RULE, DEL_RULE, ADD_RULE]), known_rules[rng.below(n)].clone()),
        },
        14 => (LIST_RULES, unasked(rng)),
        15 => (TTY_SET, terminal(rng)),
        16 | 17 => (SET_FEATURE, features(rng)),
        18 => (rng.pick(&[TTY_GET, GET_FEATURE, SIGNAL_INFO, GET]), unasked(rng)),
        19 => (rng.pick(&[TRIM, MAKE_EQUIV, MAKE_EQUIV]), equivalence(rng)),
        20 => (rng.pick(&OTHER_TYPES), text(rng)),
        _ => (GET, Vec::new()),
    };
    let flags = match rng.below(12) {
        0 => REQUEST,
        1 => 0,
        2 => rng.half(),
        _ => REQUEST | ACK,
    };
    let true_length = u32::try_from(16 + payload.len()).unwrap_or(u32::MAX);
    let claimed_len = rng.chance(4).then(|| {
        let any = u32::try_from(rng.below(80)).unwrap_or(0);
        rng.pick(&[any, any, 0, 15, 16, true_length - 1, true_length + 1, true_length + 4, u32::MAX])
    });
    let pid = if rng.chance(5) { rng.word() } else { 0 };
    Message { kind, payload: &payload, flags, seq, pid, claimed_len, pad: !rng.chance(5) }.bytes()
}

fn user_type(rng: &mut Rng) -> u16 {
    let within = |rng: &mut Rng, first: u16, count| first + u16::try_from(rng.below(count)).unwrap_or(0);
    match rng.below(4) {
        0 => within(rng, 1100, 100),
        1 => within(rng, 2100, 900),
        _ => rng.pick(&USER_TYPES),
    }
}

fn text(rng: &mut Rng) -> Vec<u8> {
    let mut out = match rng.below(7) {
        0 => Vec::new(),
        1 => b"op=login acct=\"root\" res=success".to_vec(),
        2 => (0..rng.below(40)).map(|_| rng.byte()).collect(),
        3 => vec![b'L'; rng.pick(&[100, 1023, 1024, 1025, 8559, 8560, 8561, 8970])],
        4 => b"two words 'quoted' \"twice\"".to_vec(),
        5 => b"before\0after\nline\x7f\xc3\xa4".to_vec(),
        _ => b"word".to_vec(),
    };
    out.resize(out.len() + rng.below(3), 0);
    out
}

/// The payload of a request that has none.
fn unasked(rng: &mut Rng) -> Vec<u8> {
    if rng.chance(25) { text(rng) } else { Vec::new() }
}

fn status(rng: &mut Rng, pids: &[u32]) -> Vec<u8> {
    let bits = match rng.below(10) {
        0..=4 => 1 << rng.below(9),
        5 => rng.word() & 0x3f,
        6 => mask::PID | (1 << rng.below(6)),
        7 => rng.word(),
        8 => rng.pick(&[0, mask::LOST, mask::WAITED, mask::LOST | mask::WAITED]),
        _ => mask::PID,
    };
    let own = pids[0];
    let pid = match rng.below(8) {
        0 | 1 => 0,
        2 => rng.pick(pids),
        3 => rng.pick(&[1, u32::MAX, 0x7fff_fff0]),
        _ => own,
    };
    let mut out = Status {
        mask: bits,
        // Mostly on: while audit is off there is little to see.
        enabled: rng.pick(&[1, 1, 1, 1, 1, 0, 3, u32::MAX]),
        failure: rng.pick(&[0, 1, 1, 3, u32::MAX]),
        pid,
        // No limit that time could reach.
        rate: rng.pick(&[0, 0, 1_000_000, u32::MAX]),
        limit: rng.pick(&[0, 64, 64, 128, 8192, u32::MAX]),
        wait: rng.pick(&[0, 1, 100, 15000, 150_000, 150_001, u32::MAX]),
    }
    .bytes();
    if rng.chance(20) {
        rng.resize(&mut out, &[0, 3, 4, 8, 12, 16, 20, 24, 32, 36, 40, 43, 44, 48]);
    }
    out
}

fn features(rng: &mut Rng) -> Vec<u8> {
    let (of, on) = (rng.pick(&[0, 1, 2, 3, 4, u32::MAX]), rng.pick(&[0, 1, 2, 3, 4, u32::MAX]));
    // A lock of a feature that is not asked for, or that does not exist, locks nothing.
    let lock = if of.trailing_zeros() >= 2 { rng.pick(&[0, 3, 4]) } else { 0 };
    let mut out = words(&[rng.pick(&[1, 1, 1, 0, 2]), of, on, lock]);
    if rng.chance(15) {
        rng.resize(&mut out, &[0, 4, 8, 12, 15, 16, 20]);
    }
    out
}

fn terminal(rng: &mut Rng) -> Vec<u8> {
    let mut out = words(&[rng.pick(&[0, 1, 1, 2, u32::MAX]), rng.pick(&[0, 0, 1, 2])]);
    if rng.chance(25) {
        rng.resize(&mut out, &[0, 1, 3, 4, 5, 7, 8, 12]);
    }
    out
}

/// Two lengths and two names, not always as long as they say. There are no trees, so that nothing comes of it.
fn equivalence(rng: &mut Rng) -> Vec<u8> {
    let names: [&[u8]; 6] = [b"/nx/old", b"/", b"", b"rel", b"/tmp\0/", b"/opt"];
    let (old, new) = (rng.pick(&names), rng.pick(&names));
    let length = |name: &[u8]| u32::try_from(name.len()).unwrap_or(u32::MAX);
    let mut lengths = [length(old), length(new)];
    if rng.chance(25) {
        let wrong = rng.pick(&[0, 4, 4096, 4097, u32::MAX]);
        lengths[rng.below(2)] = wrong;
    }
    let mut out = words(&lengths);
    out.extend(old);
    out.extend(new);
    if rng.chance(15) {
        rng.resize(&mut out, &[0, 4, 7, 8, 9]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const PIDS: [u32; 4] = [1000, 1001, 1002, 1003];

    #[test]
    fn a_seed_gives_one_sequence_and_nothing_dangerous() {
        for seed in 0..200 {
            let (one, two) = (sequence(seed, 80, &PIDS), sequence(seed, 80, &PIDS));
            assert_eq!(one.len(), 80);
            assert!(one.iter().zip(&two).all(|(x, y)| x.actor == y.actor && x.bytes == y.bytes));
            assert!(one.iter().all(|r| !is_dangerous(&r.bytes)));
        }
        let (one, two) = (sequence(1, 10, &PIDS), sequence(2, 10, &PIDS));
        assert!(one.iter().zip(&two).any(|(x, y)| x.bytes != y.bytes));
    }

    /// Such a rule would have the kernel record calls of the whole machine.
    #[test]
    fn no_rule_records_system_calls() {
        let recording = |found: &datagram::Found<'_>| {
            let list = found.word(0) & !crate::rules::PREPEND;
            let has_mask = (3..67).any(|i| found.word(i) != 0);
            // A task list's rule speaks of every process that begins while it is there.
            let is_of_nobody =
                found.word(2) > 0 && found.word(67) == crate::rules::UID && found.word(131) == 54321;
            let records = match list {
                crate::rules::EXIT | crate::rules::IO_URING => has_mask,
                crate::rules::TASK => !is_of_nobody,
                _ => false,
            };
            let is_whole = found.body.len() >= 1040;
            is_whole && found.kind == ADD_RULE && found.word(1) == crate::rules::ALWAYS && records
        };
        for seed in 0..300 {
            for request in sequence(seed, 60, &PIDS) {
                assert!(!datagram::walk(&request.bytes).any(|found| recording(&found)), "seed {seed}");
            }
        }
    }

    #[test]
    fn every_type_of_request_comes_with_many_lengths() {
        let mut seen = BTreeSet::new();
        for seed in 0..100 {
            for request in sequence(seed, 60, &PIDS) {
                seen.extend(datagram::walk(&request.bytes).map(|found| (found.kind, found.body.len())));
            }
        }
        for kind in [SET, SET_FEATURE, TTY_SET, MAKE_EQUIV, ADD_RULE, USER_TTY] {
            let lengths = seen.iter().filter(|(of, _)| *of == kind).count();
            assert!(lengths >= 8, "{lengths} lengths of {kind}");
        }
        assert!(seen.iter().map(|(kind, _)| kind).collect::<BTreeSet<_>>().len() > 300);
    }
}
