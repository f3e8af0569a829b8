//! Outcomes for people.

use super::outcome::{CaseOutcome, Outcome, Row, Side};
use super::quiet::is_quiet;
use std::fmt::{self, Display, Formatter};

impl Display for Outcome {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "Linux {}, {} processors; medians of rounds (min..max); ratios are made within a round",
            self.kernel, self.processors
        )?;
        self.cases.iter().try_for_each(|case| write!(out, "\n{case}"))?;
        let goals: Vec<_> =
            self.cases.iter().flat_map(|case| &case.rows).flat_map(|row| &row.goals).collect();
        let met = goals.iter().filter(|goal| goal.met).count();
        let failed = self.cases.iter().filter(|case| case.failed.is_some()).count();
        writeln!(out, "\n{met} of {} goals met; {failed} of {} cases failed", goals.len(), self.cases.len())
    }
}

impl Display for CaseOutcome {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}: {}", self.name, self.about)?;
        if let Some(reason) = &self.failed {
            return writeln!(out, "  FAILED: {reason}");
        }
        for row in &self.rows {
            writeln!(out, "{}", line(row).trim_end())?;
        }
        for remark in &self.remarks {
            writeln!(out, "  ({remark})")?;
        }
        match self.busy {
            Some(busy) if !is_quiet(busy) => {
                writeln!(out, "  (the machine was loaded: others took {:.0} % of it before)", busy * 100.0)
            }
            _ => Ok(()),
        }
    }
}

fn line(row: &Row) -> String {
    let metric = format!("{}, {}", row.metric.name, row.metric.unit);
    let base = row.base.as_ref().map(side).unwrap_or_default();
    let ratio = ratio(row);
    let goals = row
        .goals
        .iter()
        .map(|goal| format!("{} {} {}", goal.id, goal.text, if goal.met { "met" } else { "MISSED" }));
    let goals = goals.collect::<Vec<_>>().join("; ");
    format!("  {metric:28} {base:42} {:42} {ratio:24} {goals}", side(&row.ours))
}

pub(super) fn ratio(row: &Row) -> String {
    row.ratio.map_or_else(String::new, |ratio| {
        format!("{}x ({}..{})", number(ratio.median), number(ratio.min), number(ratio.max))
    })
}

pub(super) fn side(side: &Side) -> String {
    let spread = side.spread;
    format!("{} {} ({}..{})", side.variant, number(spread.median), number(spread.min), number(spread.max))
}

/// Three digits that count; whole numbers from 100 on.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        0.0 => 0,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_say_something() {
        let shown = [0.0, 0.01234, 0.6, 1.234, 12.34, 1234.5].map(number);
        assert_eq!(shown, ["0", "0.0123", "0.60", "1.23", "12.3", "1234"]);
    }

    #[test]
    fn a_failed_case_has_a_reason_and_no_number() {
        let case = CaseOutcome {
            name: "acked",
            about: "one client",
            failed: Some("3 of 1000 messages are lost".into()),
            busy: Some(0.5),
            rounds: 0,
            remarks: Vec::new(),
            rows: Vec::new(),
        };
        let outcome = Outcome { kernel: "6.18".into(), processors: 2, cases: vec![case] };
        let shown = outcome.to_string();
        assert!(shown.contains("FAILED: 3 of 1000 messages are lost"), "{shown}");
        assert!(shown.ends_with("0 of 0 goals met; 1 of 1 cases failed\n"), "{shown}");
    }
}
