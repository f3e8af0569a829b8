//! Lines on standard error.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};

/// Writes a line, or leaves it if whoever reads them does not: the keeper waits for nobody.
pub(crate) fn say(text: &str) {
    let stderr = io::stderr();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut events = [PollFd::new(&stderr, PollFlags::OUT)];
    // A pipe that takes anything at all takes 4096 bytes (`PIPE_BUF`).
    if poll(&mut events, Some(&now)) == Ok(1) {
        let _ = stderr.lock().write_all(format!("auditns: {text}\n").as_bytes());
    }
}

/// Counts what happens often, for a line at the first, second, fourth, eighth time and so on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally(u64);

impl Tally {
    /// Counts one, and writes a line if it is time for one.
    pub(crate) fn count(&mut self, line: impl FnOnce(u64) -> String) {
        if self.is_time() {
            say(&line(self.0));
        }
    }

    fn is_time(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        self.0.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_said_rarely() {
        let mut tally = Tally::default();
        let times: Vec<_> = (1..=1000).filter(|_| tally.is_time()).collect();
        assert_eq!(times, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    }
}
