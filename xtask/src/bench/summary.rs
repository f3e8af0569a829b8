//! What the rounds come to.

use super::Round;
use super::way::{WAYS, Way};
use auditns_bench::report::{Operation, Quartiles};
use serde::Serialize;
use std::fmt;

/// With fewer rounds quartiles say little about the spread.
const ENOUGH: usize = 7;

/// Medians and quartiles over the rounds. Ratios are made within each round, as what disturbs a machine lasts longer.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    rounds: usize,
    operations: Vec<Measured>,
    /// Nanoseconds that a call that receives takes longer where it is stopped, and nothing has to be waited for.
    strict_receive: Option<Quartiles>,
}

/// One operation, on every way.
#[derive(Debug, Serialize)]
struct Measured {
    operation: Operation,
    ways: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    way: Way,
    nanoseconds: Option<Quartiles>,
    to_kernel: Option<Ratio>,
    to_lowest: Option<Ratio>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Ratio {
    #[serde(flatten)]
    quartiles: Quartiles,
    /// It is farther from 1 than the quartiles are from each other, and rounds were enough to know.
    is_clear: bool,
}

impl Summary {
    pub(crate) fn of(rounds: &[Round]) -> Summary {
        let measured = |operation: Operation| {
            let ways = WAYS.iter().map(|way| Line {
                way: *way,
                nanoseconds: Quartiles::of(values(rounds, operation, *way)),
                to_kernel: ratio(rounds, operation, *way, Way::Kernel),
                to_lowest: ratio(rounds, operation, *way, Way::Lowest),
            });
            Measured { operation, ways: ways.collect() }
        };
        let waiting = |way| values(rounds, Operation::Waiting, way);
        Summary {
            rounds: rounds.len(),
            operations: Operation::ALL.into_iter().map(measured).collect(),
            strict_receive: Quartiles::of(
                waiting(Way::Strict).zip(waiting(Way::Fast)).map(|(strict, fast)| strict - fast),
            ),
        }
    }
}

/// The rounds' medians.
fn values(rounds: &[Round], operation: Operation, way: Way) -> impl Iterator<Item = f64> {
    rounds.iter().filter_map(move |round| Some(round.get(&way)?.get(operation)?.median))
}

fn ratio(rounds: &[Round], operation: Operation, way: Way, base: Way) -> Option<Ratio> {
    if way == base {
        return None;
    }
    let pairs = values(rounds, operation, way).zip(values(rounds, operation, base));
    let quartiles = Quartiles::of(pairs.map(|(value, base)| value / base))?;
    Some(Ratio { quartiles, is_clear: rounds.len() >= ENOUGH && quartiles.differs_from(1.0) })
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "Medians of {} rounds, quartiles in parentheses.\n", self.rounds)?;
        for way in WAYS {
            writeln!(out, "{:11} {}", way.name(), way.explanation())?;
        }
        for Measured { operation, ways } in &self.operations {
            writeln!(out, "\n{}: {}", operation.name(), operation.explanation())?;
            writeln!(out, "{:11} {:>26} {:>24} {:>24}", "", "ns", "to kernel", "to lowest")?;
            for Line { way, nanoseconds, to_kernel, to_lowest } in ways {
                let time = nanoseconds.map(|found| text(found, 0)).unwrap_or_default();
                let [to_kernel, to_lowest] = [to_kernel, to_lowest].map(|ratio| ratio_text(*ratio));
                let line = format!("{:11} {time:>26} {to_kernel:>24} {to_lowest:>24}", way.name());
                writeln!(out, "{}", line.trim_end())?;
            }
        }
        writeln!(out, "\n~ the spread (between the quartiles) is larger than the difference from 1")?;
        if self.rounds < ENOUGH {
            writeln!(out, "  or not known: fewer than {ENOUGH} rounds")?;
        }
        if let Some(found) = self.strict_receive {
            let spread = if found.differs_from(0.0) { "" } else { "; the spread is larger than that" };
            let time = text(found, 0);
            writeln!(out, "A call that receives takes {time} ns longer where it is stopped{spread}.")?;
        }
        Ok(())
    }
}

fn ratio_text(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(String::new, |ratio| {
        format!("{}{}", if ratio.is_clear { "" } else { "~ " }, text(ratio.quartiles, 2))
    })
}

fn text(found: Quartiles, digits: usize) -> String {
    let Quartiles { lower, median, upper } = found;
    format!("{median:.digits$} ({lower:.digits$}..{upper:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditns_bench::report::Report;

    fn rounds(times: impl Fn(Way, f64) -> f64, count: u8) -> Vec<Round> {
        let report = |number: u8, way| {
            let median = times(way, f64::from(number));
            let quartiles = Quartiles { lower: 0.0, median, upper: 1e9 };
            let nanoseconds = Operation::ALL.map(|operation| (operation, quartiles)).into();
            Report { descriptor: 3, nanoseconds }
        };
        (0..count).map(|number| WAYS.map(|way| (way, report(number, way))).into()).collect()
    }

    fn message(summary: &Summary, way: Way) -> &Line {
        summary.operations[0].ways.iter().find(|line| line.way == way).unwrap()
    }

    #[test]
    fn ratios_are_made_within_a_round() {
        let drifting = rounds(|way, round| if way == Way::Kernel { 1.0 } else { 3.0 } * (round + 1.0), 9);
        let summary = Summary::of(&drifting);
        let ratio = message(&summary, Way::Fast).to_kernel.unwrap();
        assert_eq!(ratio.quartiles, Quartiles { lower: 3.0, median: 3.0, upper: 3.0 });
        assert!(ratio.is_clear);
        assert_eq!(message(&summary, Way::Kernel).to_kernel, None);
        assert!(!message(&Summary::of(&drifting[..6]), Way::Fast).to_kernel.unwrap().is_clear);
    }

    #[test]
    fn a_difference_within_the_spread_is_marked() {
        let noisy = |way, round: f64| if way == Way::Fast { 100.0 + round * 10.0 } else { 120.0 };
        let shown = Summary::of(&rounds(noisy, 9)).to_string();
        let fast: Vec<&str> = shown.lines().filter(|line| line.starts_with("fast")).collect();
        assert!(fast[1].contains("~ 1.17 (1.00..1.33)"), "{shown}");
    }

    #[test]
    fn programs_can_read_it() {
        let text = serde_json::to_string(&Summary::of(&rounds(|_, _| 5.0, 7))).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["operations"][0]["ways"][2]["way"], "fast");
        assert_eq!(value["operations"][0]["ways"][2]["to_kernel"]["median"], 1.0);
    }
}
