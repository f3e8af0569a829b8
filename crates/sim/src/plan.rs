//! From a seed to a history.

use crate::step::{Act, Ask, Message, Setting, Setup, Step};
use fastrand::Rng;

/// Namespaces as they begin, and what happens to them. Nothing else decides what a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One for each namespace.
    pub setups: Vec<Setup>,
    /// In order.
    pub steps: Vec<Step>,
}

/// Steps of a history.
const STEPS: std::ops::Range<usize> = 100..500;

/// A kind of step: how often it comes, and how it is made for so many namespaces.
type Way = (u32, fn(&mut Rng, usize) -> Step);

const WAYS: &[Way] = &[
    (160, |rng, count| act(rng, count, send)),
    (14, |rng, count| act(rng, count, register)),
    (30, |rng, count| act(rng, count, |rng| Act::Room(rng.u8(..), room(rng)))),
    (60, |rng, _| Step::Wait(time(rng))),
    (6, |rng, _| Step::Stall(time(rng))),
    (8, |rng, count| act(rng, count, |rng| Act::Open(rng.u8(..)))),
    (6, |rng, count| act(rng, count, |rng| Act::Close(rng.u8(..)))),
    (3, |rng, count| act(rng, count, |rng| Act::Vanish(rng.u8(..)))),
    (2, |rng, count| act(rng, count, |rng| Act::Exit(rng.u8(..)))),
    (5, |rng, count| act(rng, count, |rng| Act::Listen(rng.u8(..), rng.u8(..4) > 0))),
    (3, |rng, count| act(rng, count, |rng| Act::Rouse(rng.u8(..)))),
    (6, |rng, count| act(rng, count, |rng| Act::FailStores(rng.u8(..)))),
    (4, |rng, count| act(rng, count, |rng| Act::HostLimit(limit(rng)))),
    (3, |rng, count| act(rng, count, |rng| Act::HostRate(pick(rng, &[0, 0, 1, 2, 3, 10])))),
    (2, |rng, count| act(rng, count, |rng| Act::HostStrict(rng.u8(..3) == 0))),
    (5, |rng, count| act(rng, count, |rng| Act::Login(rng.u8(..), rng.bool()))),
    (2, |rng, count| act(rng, count, |_| Act::LetIn)),
    (3, |rng, _| Step::SetClock(pick(rng, &[-3_600_000, -1500, -1, 1, 1500, 86_400_000]))),
    (12, |rng, _| Step::Restart(rng.u32(..12))),
];

impl Plan {
    /// The history of a seed.
    pub fn of(seed: u64) -> Plan {
        let mut rng = Rng::with_seed(seed);
        let count = pick(&mut rng, &[1, 1, 1, 2, 3, 8, 40]);
        let setups: Vec<Setup> = (0..count).map(|_| setup(&mut rng)).collect();
        // Some kinds of steps come often in one history, and others never: rare states are reached that way.
        let mut often = |(weight, _): &Way| weight * pick(&mut rng, &[0, 1, 1, 1, 4]);
        let mut weights: Vec<u32> = WAYS.iter().map(&mut often).collect();
        weights[0] = weights[0].max(WAYS[0].0);
        let members = (0..count)
            .flat_map(|namespace| [0, 1, 2, 6].map(|number| Step::In(namespace, Act::Open(number))));
        let mut steps: Vec<Step> = members.collect();
        let length = rng.usize(STEPS) + 20 * count;
        steps.extend((0..length).map(|_| step(&mut rng, &weights, count)));
        // Where all times are round, deadlines are met to the microsecond, which decides between early and late.
        let grain = pick(&mut rng, &[1, 1, 4000, 100_000]);
        for step in &mut steps {
            if let Step::Wait(time) | Step::Stall(time) = step {
                *time = time.next_multiple_of(grain);
            }
        }
        Plan { setups, steps }
    }
}

fn step(rng: &mut Rng, weights: &[u32], count: usize) -> Step {
    let mut at = rng.u32(..weights.iter().sum::<u32>());
    let chosen = weights.iter().zip(WAYS).find(|(weight, _)| {
        let here = at < **weight;
        at = at.wrapping_sub(**weight);
        here
    });
    // The weights are searched up to their sum, so there is always one.
    chosen.map_or(Step::Wait(1), |(_, (_, make))| make(rng, count))
}

fn setup(rng: &mut Rng) -> Setup {
    Setup {
        backlog_limit: limit(rng),
        queue_bytes: pick(rng, &[600, 1500, 5000, 1 << 16]),
        delivery_delay: pick(rng, &[0, 300]),
        strict: rng.u8(..6) == 0,
        inside_log: rng.bool(),
    }
}

fn act(rng: &mut Rng, count: usize, make: fn(&mut Rng) -> Act) -> Step {
    let namespace = rng.usize(..count);
    Step::In(namespace, make(rng))
}

fn send(rng: &mut Rng) -> Act {
    let count = pick(rng, &[1, 1, 1, 1, 2, 3, 8]);
    let messages = (0..count).map(|_| Message { ask: ask(rng), asked: rng.u8(..4) > 0 }).collect();
    Act::Send { socket: rng.u8(..), heir: (rng.u8(..8) == 0).then(|| rng.u8(..)), messages }
}

fn register(rng: &mut Rng) -> Act {
    let ask = pick(rng, &[Ask::Register, Ask::Register, Ask::Register, Ask::Unregister, Ask::RegisterOther]);
    let heir = (rng.u8(..4) == 0).then(|| rng.u8(..4));
    Act::Send { socket: rng.u8(..), heir, messages: vec![Message { ask, asked: rng.u8(..6) > 0 }] }
}

fn ask(rng: &mut Rng) -> Ask {
    match rng.u8(..40) {
        0..30 => Ask::Say(pick(rng, &[1112, 1112, 1112, 1107]), pick(rng, &[0, 0, 0, 30, 300])),
        30..32 => Ask::Get,
        32 => pick(rng, &[Ask::Register, Ask::Unregister]),
        33 => Ask::ResetLost,
        34 => Ask::Unknown(pick(rng, &[0, 3, 1003, 1009, 1099, 1200, 1329, 3000])),
        _ => set(rng),
    }
}

fn set(rng: &mut Rng) -> Ask {
    match rng.u8(..14) {
        // Nothing opens the lock, so it is rare.
        0 => Ask::Set(Setting::Enabled, pick(rng, &[0, 0, 1, 1, 1, 1, 1, 2, 3])),
        1 => Ask::Set(Setting::Enabled, 1),
        2..5 => Ask::Set(Setting::Failure, rng.u32(..4)),
        5..7 => Ask::Set(Setting::RateLimit, pick(rng, &[0, 0, 0, 1, 2, 5, 20])),
        7..11 => Ask::Set(Setting::BacklogLimit, limit(rng)),
        _ => Ask::Set(Setting::BacklogWaitTime, pick(rng, &[0, 1, 5, 25, 50, 500, 15_000, 150_000, 150_001])),
    }
}

fn limit(rng: &mut Rng) -> u32 {
    pick(rng, &[0, 1, 1, 2, 2, 3, 4, 4, 5, 8, 8, 16, 64])
}

fn room(rng: &mut Rng) -> u16 {
    pick(rng, &[0, 0, 0, 1, 2, 3, 5, 10, u16::MAX])
}

/// In microseconds. Around what namespaces wait for: 300 µs, 4 ms, 100 ms, a second.
fn time(rng: &mut Rng) -> u64 {
    match rng.u8(..10) {
        0..3 => rng.u64(1..600),
        3..5 => rng.u64(1..10_000),
        5..7 => pick(rng, &[99_999, 100_000, 100_001, 500_000]),
        7 => rng.u64(90_000..600_000),
        8 => pick(rng, &[1_000_000, 1_000_001, 2_000_000]),
        _ => rng.u64(1_000_000..30_000_000),
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}
