//! How long messages take while something is tried.

use std::time::Duration;

/// Messages for which it is tried, after some until everybody has found their place. Few: what is tried may be several times
/// worse, and a namespace may not live long.
const SETTLING: u32 = 8;
const TRIED: u32 = 32;
/// Those of them that took longest do not count: the namespace's own log was written meanwhile, or something else ran.
const LEFT_OUT: usize = 4;

/// Messages of a trial at most.
#[cfg(test)]
pub(super) const MESSAGES: u32 = SETTLING + TRIED;

/// A trial that goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trial {
    messages: u32,
    last: Duration,
    took: Duration,
    longest: [Duration; LEFT_OUT],
}

impl Trial {
    /// A message came at that time. Returns what those that count took when it is over, which it is as well as soon as that is
    /// more than the limit.
    pub(super) fn message(&mut self, at: Duration, limit: Option<Duration>) -> Option<Duration> {
        self.messages += 1;
        let took = at.saturating_sub(self.last);
        self.last = at;
        if self.messages > SETTLING {
            self.count(took);
        }
        let is_over = self.messages >= SETTLING + TRIED || limit.is_some_and(|limit| self.took > limit);
        is_over.then_some(self.took)
    }

    fn count(&mut self, took: Duration) {
        let mut counts = took;
        for longer in &mut self.longest {
            if counts > *longer {
                std::mem::swap(&mut counts, longer);
            }
        }
        self.took += counts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays messages until it is over. Returns what they took, and how many there were.
    fn play(limit: Option<u64>, took: impl Fn(u32) -> u64) -> (Duration, u32) {
        let mut trial = Trial::default();
        let mut at = Duration::from_secs(100);
        for number in 1.. {
            at += Duration::from_micros(took(number));
            if let Some(took) = trial.message(at, limit.map(Duration::from_micros)) {
                return (took, number);
            }
        }
        unreachable!("it ends");
    }

    #[test]
    fn the_longest_few_and_the_first_ones_do_not_count() {
        let counted = TRIED - u32::try_from(LEFT_OUT).unwrap();
        let usual = (Duration::from_micros(8) * counted, MESSAGES);
        assert_eq!(play(None, |_| 8), usual);
        assert_eq!(play(None, |number| if number <= SETTLING || number % 10 == 0 { 500 } else { 8 }), usual);
        let worse = play(None, |number| if number % 4 == 0 { 500 } else { 8 });
        assert!(worse.0 > 5 * usual.0, "what is often long is long: {worse:?}");
    }

    #[test]
    fn it_is_over_when_it_takes_more_than_the_limit() {
        let (took, messages) = play(Some(200), |_| 50);
        assert!(took > Duration::from_micros(200) && messages < SETTLING + 10, "{took:?} {messages}");
        assert_eq!(play(Some(1000), |_| 8).1, MESSAGES);
    }
}
