//! What the quiet client waits for, and who is to blame.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clock that the quiet client tells the times by.
pub(super) fn now_us() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

/// When messages were sent, and what they took.
#[derive(Debug, Clone, Default)]
pub struct Times {
    all: Vec<(i64, u64)>,
    /// Of a hundred messages, one takes longer.
    pub p99: Duration,
}

impl Times {
    /// What stands in the client's file by now. Its last line may not be whole.
    pub(super) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let all = whole.lines().filter_map(|line| {
            let (sent, took) = line.split_once(' ')?;
            Some((sent.parse().ok()?, took.parse().ok()?))
        });
        Self::new(all.collect())
    }

    fn new(all: Vec<(i64, u64)>) -> Self {
        let mut sorted: Vec<u64> = all.iter().map(|&(_, took)| took).collect();
        sorted.sort_unstable();
        let p99 = sorted.get(sorted.len() * 99 / 100).copied().unwrap_or_default();
        Self { all, p99: Duration::from_micros(p99) }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    /// Those that were sent between two moments.
    pub(super) fn between(&self, from: i64, to: i64) -> Self {
        Self::new(self.all.iter().copied().filter(|&(sent, _)| (from..to).contains(&sent)).collect())
    }

    /// Checks that they say something.
    ///
    /// # Panics
    /// When there are too few: the client stood still.
    pub(super) fn expect_enough(&self) {
        assert!(self.count() >= 20, "the quiet client sent {} messages meanwhile", self.count());
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} ms", self.p99.as_secs_f64() * 1e3)
    }
}

/// One after the other, in the same minute.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) quiet: Times,
    pub(super) attack: Times,
    /// Beside a program that takes as much of the processors and is not served by auditns.
    pub(super) ordinary: Times,
}

/// So often as long may the quiet client wait.
const ALLOWED: f64 = 2.0;
/// Less counts as much: a fraction of the time that a scheduler leaves somebody on a processor, 2 to 3 ms.
const LEAST: Duration = Duration::from_micros(500);

impl Turn {
    /// How much longer the quiet client waits for an attack than for anything else that takes as much of the machine.
    fn ratio(&self) -> f64 {
        let otherwise = self.quiet.p99.max(self.ordinary.p99).max(LEAST);
        self.attack.p99.as_secs_f64() / otherwise.as_secs_f64()
    }
}

/// The turn in the middle of all, by how much longer the quiet client waited: a machine that does something else for a moment
/// spoils one turn, an attack that holds somebody up spoils all.
pub(super) fn middle(turns: &[Turn]) -> f64 {
    let mut ratios: Vec<f64> = turns.iter().map(Turn::ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::INFINITY)
}

/// Whether nobody is held up.
pub(super) fn is_fair(turns: &[Turn]) -> bool {
    middle(turns) <= ALLOWED
}

impl fmt::Display for Turn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { quiet, attack, ordinary } = self;
        write!(out, "quiet {quiet}, attack {attack}, ordinary load {ordinary}, ratio {:.2}", self.ratio())
    }
}

#[cfg(test)]
mod tests {
    use super::{Times, Turn, is_fair, middle};
    use std::time::Duration;

    #[test]
    fn one_of_a_hundred_takes_longer() {
        let times = Times::new((0..200).map(|number| (number, u64::try_from(number).unwrap())).collect());
        assert_eq!(times.p99, Duration::from_micros(198));
        assert_eq!(times.between(0, 100).p99, Duration::from_micros(99));
    }

    fn turn([quiet, attack, ordinary]: [u64; 3]) -> Turn {
        let times = |us| Times::new(vec![(0, us)]);
        Turn { quiet: times(quiet), attack: times(attack), ordinary: times(ordinary) }
    }

    #[test]
    fn most_turns_decide() {
        let turns = |all: &[[u64; 3]]| all.iter().copied().map(turn).collect::<Vec<_>>();
        assert!(!is_fair(&[]));
        // Processors that are busy are nobody's fault; being held up is, also beside a good turn.
        assert!(is_fair(&turns(&[[100, 900, 500], [100, 1000, 500], [100, 9000, 500]])));
        assert!(!is_fair(&turns(&[[100, 900, 500], [100, 1001, 500], [100, 9000, 500]])));
        assert!(is_fair(&turns(&[[600, 1200, 10]])) && !is_fair(&turns(&[[600, 1201, 10]])));
        assert!(is_fair(&turns(&[[10, 1000, 10]])) && !is_fair(&turns(&[[10, 1001, 10]])));
        assert!((middle(&turns(&[[1000, 3000, 10]])) - 3.0).abs() < 1e-9);
    }
}
