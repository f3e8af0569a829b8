//! Random sequences of valid and broken requests. The same seed gives the same sequence everywhere, so that the
//! kernel and a namespace can be asked the same.

use crate::control::{Control, State};
use crate::datagram;
use crate::files;
use crate::messages::{
    self, ACK, ADD_RULE, DEL_RULE, GET, GET_FEATURE, LIST_RULES, MAKE_EQUIV, Message, REQUEST, SET,
    SET_FEATURE, SIGNAL_INFO, Status, TRIM, TTY_GET, TTY_SET, USER_TTY, mask, words,
};
use crate::play::is_dangerous;
use crate::rules::{self, Rule};
use crate::stage::{Receive, Stage, Who};
use crate::transcript::Case;
use std::collections::BTreeSet;
use std::process::Command;

/// What to play.
pub(crate) struct Options {
    /// The seed.
    pub(crate) seed: u64,
    /// Steps.
    pub(crate) steps: usize,
    /// File for the transcript.
    pub(crate) out: String,
    /// Steps to leave out.
    pub(crate) drop: Vec<usize>,
}

/// Requests after which everybody's records are collected.
const COLLECT: usize = 8;
/// Records that may pile up while nobody is registered: fewer than the 64 a hold queue takes.
const UNREAD: usize = 40;

/// The splitmix64 generator: tiny, and the same on every machine.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    fn word(&mut self) -> u32 {
        u32::try_from(self.next() & 0xffff_ffff).unwrap_or(0)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// One request datagram of an actor.
struct Request {
    actor: usize,
    bytes: Vec<u8>,
}

const ACTORS: [&str; 4] = ["a", "b", "auditd", "auditd2"];

fn text(rng: &mut Rng) -> Vec<u8> {
    let mut out = match rng.below(6) {
        0 => Vec::new(),
        1 => b"op=login acct=\"root\" res=success".to_vec(),
        2 => (0..rng.below(40)).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect(),
        3 => vec![b'L'; rng.pick(&[100, 1024, 8559, 8560, 8561, 8970])],
        4 => b"two words 'quoted' \"twice\"".to_vec(),
        _ => b"word".to_vec(),
    };
    out.resize(out.len() + rng.below(3), 0);
    out
}

fn status(rng: &mut Rng, pids: &[u32]) -> Vec<u8> {
    let bits = match rng.below(10) {
        0..=4 => 1 << rng.below(9),
        5 => rng.word() & 0x3f,
        6 => mask::PID | (1 << rng.below(6)),
        7 => rng.word(),
        8 => 0,
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
        rate: rng.pick(&[0, 0, 1_000_000]),
        limit: rng.pick(&[0, 64, 64, 128, 8192, u32::MAX]),
        wait: rng.pick(&[0, 1, 100, 15000, 150_000, 150_001, u32::MAX]),
    }
    .bytes();
    if rng.chance(20) {
        out.resize(rng.below(60), 0);
    }
    out
}

fn rule(rng: &mut Rng, pids: &[u32]) -> Vec<u8> {
    let list = rng.pick(&[0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 7, 8, rules::EXIT | rules::PREPEND]);
    let mut rule = Rule::new(list, rng.pick(&[0, 2, 2, 1, 3]));
    for _ in 0..rng.below(4) {
        let op =
            rng.pick(&[rules::EQUAL, rules::EQUAL, 0x3000_0000, rules::GREATER, 0, 0x0800_0000, 0x7800_0000]);
        rule = match rng.below(9) {
            0 => rule.field(rules::PID, rng.pick(pids)),
            1 => rule.compare(rules::UID, op, rng.pick(&[54321, 54322, u32::MAX])),
            2 => rule.compare(rules::MSGTYPE, op, rng.pick(&[1105, 1112, 2998, 60000])),
            3 => rule.compare(rules::LOGINUID, op, rng.pick(&[54321, u32::MAX])),
            4 => rule.string(rules::KEY, rng.pick(&[b"k1".as_slice(), b"k 2", b"", &[b'k'; 257]])),
            5 => rule
                .string(rules::WATCH, rng.pick(&[b"/tmp/nx_random".as_slice(), b"rel", b"/nx/x", b"/tmp/"])),
            6 => rule.field(rules::PERM, rng.pick(&[1, 2, 15])),
            7 => rule.compare(rng.pick(&[99, 26, 11, 103, 24]), op, rng.pick(&[0, 1, 2])),
            _ => rule.field(rules::UID, 54321),
        };
    }
    if rng.chance(5) {
        rule = rule.claim_fields(rng.pick(&[65, 0x8000_0000]));
    }
    if rng.chance(5) {
        rule = rule.buffer(b"rest");
    }
    let mut out = rule.bytes();
    if rng.chance(5) {
        out.truncate(rng.below(1040));
    }
    out
}

fn message(rng: &mut Rng, pids: &[u32], known_rules: &mut Vec<Vec<u8>>, seq: u32) -> Vec<u8> {
    let (kind, payload) = match rng.below(20) {
        0..=5 => (SET, status(rng, pids)),
        6..=9 => (rng.pick(&[1005, 1100, 1105, 1107, 1112, 1199, 2100, 2999]), text(rng)),
        10 => (USER_TTY, text(rng)),
        11 => {
            let payload = rule(rng, pids);
            known_rules.push(payload.clone());
            (ADD_RULE, payload)
        }
        12 => match known_rules.len() {
            0 => (DEL_RULE, rule(rng, pids)),
            n => (rng.pick(&[DEL_RULE, DEL_RULE, ADD_RULE]), known_rules[rng.below(n)].clone()),
        },
        13 => (LIST_RULES, Vec::new()),
        14 => (TTY_SET, words(&[rng.pick(&[0, 1, 1, 2]), rng.pick(&[0, 1, 2])])),
        15 => (SET_FEATURE, words(&[1, rng.pick(&[0, 1, 2, 3, 4]), rng.pick(&[0, 1, 2, 3, 4]), 0])),
        16 => (rng.pick(&[TTY_GET, GET_FEATURE, SIGNAL_INFO, GET]), Vec::new()),
        17 => (rng.pick(&[TRIM, MAKE_EQUIV]), words(&[4, 4])),
        18 => {
            let any = [
                0, 1, 2, 3, 17, 999, 1002, 1003, 1004, 1006, 1009, 1020, 1099, 1200, 1305, 1329, 3000, 65535,
            ];
            (rng.pick(&any), text(rng))
        }
        _ => (GET, Vec::new()),
    };
    let flags = match rng.below(12) {
        0 => REQUEST,
        1 => 0,
        2 => u16::try_from(rng.below(0x10000)).unwrap_or(0),
        _ => REQUEST | ACK,
    };
    let claimed_len = rng.chance(3).then(|| u32::try_from(rng.below(80)).unwrap_or(0));
    let pid = if rng.chance(5) { rng.word() } else { 0 };
    Message { kind, payload: &payload, flags, seq, pid, claimed_len, pad: !rng.chance(5) }.bytes()
}

/// The whole sequence, given the actors' process ids.
fn sequence(seed: u64, steps: usize, pids: &[u32; 4]) -> Vec<Request> {
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
        for _ in 0..if rng.chance(85) { 1 } else { 1 + rng.below(4) } {
            seq += 1;
            bytes.extend(message(&mut rng, &order, &mut known_rules, seq));
        }
        // Whether what stands before a registration in one datagram is recorded in time for it is a race in the kernel.
        let races = datagram::registration(&bytes).is_some() && datagram::walk(&bytes).count() > 1;
        if !is_dangerous(&bytes) && !bytes.is_empty() && !races {
            out.push(Request { actor, bytes });
        }
    }
    out
}

/// Plays and writes the transcript.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut control = Control::open()?;
    let holds = control.probe_hold()?;
    control.reset(&State::START, holds)?;
    control.enable(1)?;
    let case = format!("random.{}", options.seed);
    let mut stage = Stage::new(Some(Case::default()));
    let actors = ACTORS.map(|name| stage.sender(name));
    let pids = actors.map(|a| stage.pid(a));
    let mut unread = 0;
    for (i, request) in sequence(options.seed, options.steps, &pids).into_iter().enumerate() {
        if options.drop.contains(&i) {
            continue;
        }
        unread += datagram::walk(&request.bytes).count();
        let note = format!("step {i}");
        let who = actors[request.actor];
        stage.send(who, "s", request.bytes, &note);
        stage.recv(who, "s", "");
        if i % COLLECT == COLLECT - 1 {
            collect(&mut stage, &actors, 10);
        }
        if unread > UNREAD {
            read_held(&mut stage, actors[2], pids[2]);
            collect(&mut stage, &actors, 10);
            unread = 0;
        }
    }
    collect(&mut stage, &actors, 100);
    let settings = control.state().map(|s| format!("{:?}", State { lost: 0, backlog: 0, pid: 0, ..s }));
    stage.observe(
        "final settings",
        settings.map_or_else(crate::actor::Answer::Fault, crate::actor::Answer::Text),
    );
    let played = stage.finish(&case, holds);
    files::save(&options.out, &[played])
}

fn collect(stage: &mut Stage, actors: &[Who], settle: u64) {
    for who in actors {
        stage.recv_with(
            *who,
            "s",
            &Receive { note: "collect".into(), settle: Some(settle), ..Receive::default() },
        );
    }
}

/// Registers and unregisters an auditd, so that nothing held overflows. If one is registered already, this changes
/// nothing: it reads by itself.
fn read_held(stage: &mut Stage, who: Who, pid: u32) {
    for (seq, pid) in [(0x00aa_0001, pid), (0x00aa_0002, 0)] {
        let bytes = messages::request(SET, &Status::register(pid).bytes(), seq);
        stage.send(who, "s", bytes, "read what is held");
        stage.recv_with(who, "s", &Receive { settle: Some(20), ..Receive::default() });
    }
}

/// Parses `1,4-7`.
pub(crate) fn ranges(text: &str) -> Result<Vec<usize>, String> {
    let number = |t: &str| t.parse::<usize>().map_err(|_| format!("{t:?} in {text:?} is not a step"));
    let mut out = Vec::new();
    for part in text.split(',').filter(|p| !p.is_empty()) {
        match part.split_once('-') {
            Some((first, last)) => out.extend(number(first)?..=number(last)?),
            None => out.push(number(part)?),
        }
    }
    Ok(out)
}

fn show(drop: &BTreeSet<usize>) -> String {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for n in drop {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == *n => *last = *n,
            _ => out.push((*n, *n)),
        }
    }
    let part = |(a, b): &(usize, usize)| if a == b { a.to_string() } else { format!("{a}-{b}") };
    out.iter().map(part).collect::<Vec<_>>().join(",")
}

/// Finds a small set of steps on which two commands still differ; the result is what to leave out.
pub(crate) fn minimise(seed: u64, steps: usize, want: &str, have: &str) -> Result<String, String> {
    let dir = std::env::temp_dir();
    let file = |side: &str| dir.join(format!("conformance-{}-{side}.jsonl", std::process::id()));
    let differs = |drop: &BTreeSet<usize>| -> Result<bool, String> {
        let args = format!("--seed {seed} --steps {steps} --drop {}", show(drop));
        let args = if drop.is_empty() { args.replace(" --drop ", "") } else { args };
        let mut files = Vec::new();
        for (side, command) in [("want", want), ("have", have)] {
            let out = file(side).to_string_lossy().into_owned();
            let line = command.replace("ARGS", &args).replace("FILE", &out);
            let done = Command::new("sh").args(["-c", &line]).status();
            if !done.map_err(|e| format!("cannot run {line}: {e}"))?.success() {
                return Err(format!("{line} failed"));
            }
            files.push(out);
        }
        files::differ(&files[0], &files[1])
    };
    let mut drop = BTreeSet::new();
    if !differs(&drop)? {
        return Err(format!("seed {seed} with {steps} steps shows no difference"));
    }
    let mut size = steps.div_ceil(2).max(1);
    loop {
        for start in (0..steps).step_by(size) {
            let mut more = drop.clone();
            more.extend(start..(start + size).min(steps));
            if more.len() > drop.len() && differs(&more)? {
                drop = more;
            }
        }
        if size == 1 {
            return Ok(show(&drop));
        }
        size = size.div_ceil(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_and_nothing_dangerous() {
        let pids = [1000, 1001, 1002, 1003];
        for seed in 0..50 {
            let (one, two) = (sequence(seed, 80, &pids), sequence(seed, 80, &pids));
            assert_eq!(one.len(), 80);
            assert!(one.iter().zip(&two).all(|(x, y)| x.actor == y.actor && x.bytes == y.bytes));
            assert!(one.iter().all(|r| !is_dangerous(&r.bytes)));
        }
        let (one, two) = (sequence(1, 10, &pids), sequence(2, 10, &pids));
        assert!(one.iter().zip(&two).any(|(x, y)| x.bytes != y.bytes));
    }

    #[test]
    fn ranges_and_back() {
        assert_eq!(ranges("1,4-6").unwrap(), [1, 4, 5, 6]);
        assert!(ranges("x").is_err());
        assert_eq!(show(&BTreeSet::from([1, 4, 5, 6])), "1,4-6");
        assert_eq!(show(&BTreeSet::new()), "");
    }
}
