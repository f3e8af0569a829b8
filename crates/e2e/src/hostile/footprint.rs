//! What the supervisor and its keeper take.

use std::fmt;
use std::fs;

/// Memory in KiB, descriptors and threads, of some processes together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Footprint {
    pss: u64,
    rss: u64,
    descriptors: u64,
    threads: u64,
}

/// What a namespace may hold beyond the supervisor itself (docs/semantics.md): queued records, unread answers, rules; and those
/// inside it together, as many records and rules again.
const HELD: u64 = (16 + 32 + 8 + 16 + 8) * 1024;
/// It stands in a snapshot as well, in the one before, and in the making of one; and each of both has a journal.
const MEMORY: u64 = 4 * HELD + 2 * 32 * 1024;
/// Audit sockets of a namespace, one end with the supervisor and one with the keeper, and what is made in advance; of each
/// namespace inside it logs, a lock, a pid namespace with both, and those of eight processes.
const DESCRIPTORS: u64 = 2 * (4096 + 128) + super::NESTED_MOST as u64 * (4 + 1 + 8 * 3);
/// Calls and paths that are looked at, at a time.
const THREADS: u64 = 64 + 16;

/// What is made in advance, or ends a moment later.
const DESCRIPTORS_KEPT: u64 = 64;
const THREADS_KEPT: u64 = 4;

/// How long the processors have worked for a process, in microseconds.
pub(super) fn worked_us(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field, in ticks of 10 ms.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    10_000 * ticks
}

fn entries(path: &str) -> u64 {
    fs::read_dir(path).map_or(0, |entries| entries.count() as u64)
}

impl Footprint {
    /// Of these processes as they are now.
    pub fn of(processes: &[u32]) -> Self {
        let mut sum = Self::default();
        for pid in processes {
            let memory = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let number = |name: &str| {
                let line = memory.lines().find_map(|line| line.strip_prefix(name));
                line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default()
            };
            sum.pss += number("Pss:");
            sum.rss += number("Rss:");
            sum.descriptors += entries(&format!("/proc/{pid}/fd"));
            sum.threads += entries(&format!("/proc/{pid}/task"));
        }
        sum
    }

    /// The larger one of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        Self {
            pss: self.pss.max(other.pss),
            rss: self.rss.max(other.rss),
            descriptors: self.descriptors.max(other.descriptors),
            threads: self.threads.max(other.threads),
        }
    }

    /// Checks that it takes no more than is documented, beyond what its allocator has kept before, in KiB.
    ///
    /// # Panics
    /// When it does.
    pub fn expect_bounded(self, start: Self, kept: u64) {
        assert!(self.within(start, MEMORY + kept, DESCRIPTORS, THREADS), "{self} is too much after {start}");
    }

    /// Whether it takes about what it took at the start, and what its allocator keeps, in KiB.
    pub fn is_near(self, start: Self, kept: u64) -> bool {
        self.within(start, kept, DESCRIPTORS_KEPT, THREADS_KEPT)
    }

    /// Of several looks, the mean of each.
    ///
    /// # Panics
    /// When there are none.
    pub fn mean(looks: &[Self]) -> Self {
        let count = looks.len() as u64;
        let mean = |of: fn(&Self) -> u64| looks.iter().map(of).sum::<u64>() / count;
        Self {
            pss: mean(|look| look.pss),
            rss: mean(|look| look.rss),
            descriptors: mean(|look| look.descriptors),
            threads: mean(|look| look.threads),
        }
    }

    /// Whether memory (in KiB) and descriptors are at most that much more than before, and threads no more than vary.
    pub fn has_grown_at_most(self, before: Self, memory: u64, descriptors: u64) -> bool {
        self.within(before, memory, descriptors, THREADS_KEPT)
    }

    fn within(self, start: Self, memory: u64, descriptors: u64, threads: u64) -> bool {
        self.pss > 0
            && self.pss <= start.pss + memory
            && self.rss <= start.rss + memory
            && self.descriptors <= start.descriptors + descriptors
            && self.threads <= start.threads + threads
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pss, rss, descriptors, threads } = self;
        write!(out, "PSS {pss} KiB, RSS {rss} KiB, {descriptors} descriptors, {threads} threads")
    }
}

#[cfg(test)]
mod tests {
    use super::Footprint;

    #[test]
    fn this_process_is_near_itself_and_not_near_half() {
        let own = Footprint::of(&[std::process::id()]);
        assert!(own.is_near(own, 0) && !Footprint::default().is_near(own, 0));
        let grown = Footprint { pss: own.pss + 101, ..own };
        assert!(!grown.is_near(own, 100) && grown.is_near(own, 101));
        assert!(own.most(grown).pss == grown.pss && own.descriptors > 2 && own.threads > 0);
    }
}
