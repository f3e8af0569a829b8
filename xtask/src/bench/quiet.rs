//! Whether somebody else uses the machine.

use std::fs;
use std::time::{Duration, Instant};

/// The share of processor time that others may take.
const QUIET: f64 = 0.08;

/// How long is waited for a quiet machine, and how long each look takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) total: Duration,
    pub(crate) look: Duration,
}

impl Patience {
    /// For figures.
    pub(crate) const LONG: Patience =
        Patience { total: Duration::from_secs(60), look: Duration::from_secs(1) };
    /// For whoever looks at no time.
    pub(crate) const NONE: Patience = Patience { total: Duration::ZERO, look: Duration::from_millis(100) };
}

/// Waits until the machine is quiet, but no longer than that. The share of all processors' time that others took in the last
/// look; none if the kernel does not tell.
pub(crate) fn wait(patience: Patience) -> Option<f64> {
    let start = Instant::now();
    loop {
        let busy = busy(patience.look)?;
        if is_quiet(busy) || start.elapsed() >= patience.total {
            return Some(busy);
        }
    }
}

/// Whether figures are worth something.
pub(crate) fn is_quiet(busy: f64) -> bool {
    busy <= QUIET
}

/// The share of all processors' time that is in use while we do nothing.
fn busy(look: Duration) -> Option<f64> {
    let (idle, all) = processor_time()?;
    std::thread::sleep(look);
    let (idle_then, all_then) = processor_time()?;
    let all = (all_then - all).max(1.0);
    Some((1.0 - (idle_then - idle) / all).clamp(0.0, 1.0))
}

/// Idle and all, since boot: the words after `cpu` are user, nice, system, idle, waiting for a disk, ...
fn processor_time() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let words = text.lines().next()?.split_ascii_whitespace().skip(1);
    let times: Vec<f64> = words.take(8).map_while(|word| word.parse().ok()).collect();
    Some((times.get(3)? + times.get(4)?, times.iter().sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_has_a_bound() {
        let patience = Patience { total: Duration::from_millis(50), look: Duration::from_millis(20) };
        let start = Instant::now();
        let busy = wait(patience).unwrap();
        assert!((0.0..=1.0).contains(&busy));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
