//! What programs of a benchmark print, as one line of JSON each.

use crate::spread::quantile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one client, or a crowd of them, has measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The number of a client's audit socket, which says how it was made; -1 if it kept none.
    pub descriptor: i32,
    /// Messages that were acknowledged, or sent without asking for that; other operations likewise.
    pub messages: u64,
    /// From the first to the last of them.
    pub seconds: f64,
    /// Processor time of the clients.
    pub cpu_seconds: f64,
    /// How long each took; none where the program cannot say.
    pub latency: Option<Latency>,
}

/// Microseconds of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half took no longer.
    pub p50: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// All of them, by their number.
    pub mean: f64,
    /// The one that took longest.
    pub longest: f64,
}

/// What a client has measured, before it is summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// See [`Report::descriptor`].
    pub descriptor: i32,
    /// When it began, by the monotonic clock.
    pub began_nanoseconds: u64,
    /// When it ended.
    pub ended_nanoseconds: u64,
    /// Its processor time.
    pub cpu_nanoseconds: u64,
    /// Of each operation.
    pub nanoseconds: Vec<u64>,
    /// Operations that one of these values is the mean of.
    pub chunk: u32,
}

/// Nanoseconds of a call.
pub type Calls = BTreeMap<String, f64>;

/// What became of namespaces that were to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// How many there are.
    pub count: u32,
    /// Microseconds that half of them took at most, with the start of a first member.
    pub p50: f64,
    /// Why there are not more.
    pub refused: Option<String>,
}

#[allow(clippy::cast_precision_loss)]
fn number(count: u64) -> f64 {
    count as f64
}

impl Latency {
    /// Of these nanoseconds. `None` if there are none.
    pub fn of(mut nanoseconds: Vec<u64>) -> Option<Latency> {
        nanoseconds.sort_unstable();
        let microseconds = |value: u64| number(value) / 1e3;
        let sum: u64 = nanoseconds.iter().sum();
        Some(Latency {
            p50: microseconds(quantile(&nanoseconds, 500)?),
            p99: microseconds(quantile(&nanoseconds, 990)?),
            mean: microseconds(sum) / number(u64::try_from(nanoseconds.len()).ok()?),
            longest: microseconds(*nanoseconds.last()?),
        })
    }
}

impl Report {
    /// Of clients that ran at the same time: from the first begin to the last end, all operations together.
    pub fn of(crowd: Vec<Samples>) -> Report {
        let began = crowd.iter().map(|one| one.began_nanoseconds).min().unwrap_or_default();
        let ended = crowd.iter().map(|one| one.ended_nanoseconds).max().unwrap_or_default();
        let cpu: u64 = crowd.iter().map(|one| one.cpu_nanoseconds).sum();
        let messages = |one: &Samples| one.nanoseconds.len() as u64 * u64::from(one.chunk);
        Report {
            descriptor: crowd.first().map_or(-1, |one| one.descriptor),
            messages: crowd.iter().map(messages).sum(),
            seconds: number(ended.saturating_sub(began)) / 1e9,
            cpu_seconds: number(cpu) / 1e9,
            latency: Latency::of(crowd.into_iter().flat_map(|one| one.nanoseconds).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_summed_up() {
        let one = |began, nanoseconds| Samples {
            descriptor: 832,
            began_nanoseconds: began,
            ended_nanoseconds: began + 2_000_000_000,
            cpu_nanoseconds: 500_000_000,
            nanoseconds,
            chunk: 10,
        };
        let report = Report::of(vec![one(1_000_000_000, vec![1000, 9000]), one(0, vec![2000])]);
        assert_eq!((report.descriptor, report.messages), (832, 30));
        assert_eq!((report.seconds, report.cpu_seconds), (3.0, 1.0));
        let latency = report.latency.unwrap();
        assert_eq!((latency.p50, latency.p99, latency.mean, latency.longest), (2.0, 9.0, 4.0, 9.0));
        assert_eq!(Report::of(Vec::new()).latency, None);
    }
}
