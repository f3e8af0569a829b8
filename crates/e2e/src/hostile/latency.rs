//! What the quiet client waits for.

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
    ///
    /// # Panics
    /// When there are too few to say anything: the client stands still.
    pub(super) fn between(&self, from: i64, to: i64) -> Self {
        let some =
            Self::new(self.all.iter().copied().filter(|&(sent, _)| (from..to).contains(&sent)).collect());
        assert!(
            some.count() >= 20,
            "the quiet client sent {} messages in {} ms",
            some.count(),
            (to - from) / 1000
        );
        some
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.2} ms ({} messages)", self.p99.as_secs_f64() * 1e3, self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::Times;
    use std::time::Duration;

    #[test]
    fn one_of_a_hundred_takes_longer() {
        let times = Times::new((0..200).map(|number| (number, u64::try_from(number).unwrap())).collect());
        assert_eq!(times.p99, Duration::from_micros(198));
        assert_eq!(times.between(0, 100).p99, Duration::from_micros(99));
    }
}
