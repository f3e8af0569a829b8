//! Outcomes for the documentation.

use super::goals::Judged;
use super::outcome::{CaseOutcome, Outcome, Row};
use super::quiet::is_quiet;
use super::table::{ratio, side};
use std::fmt::Write;

/// A page with a table for each case.
pub(crate) fn page(outcome: &Outcome, machine: &str) -> String {
    let mut page = String::from("# Measured\n\n");
    let _ = writeln!(
        page,
        "By `cargo xtask bench --markdown FILE`, which writes this page: {machine}, Linux {}, {} processors. Medians of rounds \
         (min..max); ratios are made within a round. What the ways, cases and figures are stands in \
         [what it costs](performance.md).",
        outcome.kernel, outcome.processors
    );
    for case in &outcome.cases {
        page.push_str(&section(case));
    }
    page
}

fn section(case: &CaseOutcome) -> String {
    let mut text = format!("\n## `{}`: {}\n\n", case.name, case.about);
    if let Some(reason) = &case.failed {
        let _ = writeln!(text, "Not measured: {reason}.");
        return text;
    }
    let _ = write!(text, "{} rounds", case.rounds);
    if let Some(busy) = case.busy.filter(|busy| !is_quiet(*busy)) {
        let _ = write!(text, "; the machine was loaded, others took {:.0} % of it before", busy * 100.0);
    }
    text.push_str(".\n\n| figure | compared with | auditns | ratio | goal |\n|---|---|---|---|---|\n");
    for row in &case.rows {
        let _ = writeln!(text, "{}", line(row));
    }
    for remark in &case.remarks {
        let _ = write!(text, "\n{remark}.\n");
    }
    text
}

fn line(row: &Row) -> String {
    let metric = format!("{}, {}", row.metric.name, row.metric.unit);
    let base = row.base.as_ref().map(side).unwrap_or_default();
    let goals: Vec<String> = row.goals.iter().map(goal).collect();
    format!("| {metric} | {base} | {} | {} | {} |", side(&row.ours), ratio(row), goals.join("; "))
}

fn goal(goal: &Judged) -> String {
    format!("{} {} {}", goal.id, goal.text, if goal.met { "met" } else { "**missed**" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::outcome::Side;
    use crate::bench::round::Metric;
    use auditns_bench::spread::Spread;

    #[test]
    fn each_case_has_its_table_and_a_failed_one_its_reason() {
        let spread = Spread { min: 1.0, median: 2.0, max: 3.0 };
        let row = Row {
            metric: Metric { name: "p50", unit: "us" },
            base: Some(Side { variant: "auditd", spread }),
            ours: Side { variant: "auditns", spread },
            ratio: Some(spread),
            goals: vec![Judged { id: "G1", text: "<= 2x".into(), met: false, of_a_pair: true }],
        };
        let case = |name, failed, rows| CaseOutcome {
            name,
            about: "of a test",
            failed,
            busy: Some(0.5),
            rounds: 5,
            remarks: Vec::new(),
            rows,
        };
        let cases = vec![case("one", None, vec![row]), case("two", Some("3 are lost".into()), Vec::new())];
        let page = page(&Outcome { kernel: "6.18".into(), processors: 2, cases }, "A machine");
        let line = "| p50, us | auditd 2.00 (1.00..3.00) | auditns 2.00 (1.00..3.00) | 2.00x (1.00..3.00) | G1 <= 2x **missed** |";
        assert!(page.contains(line), "{page}");
        assert!(page.contains("Not measured: 3 are lost."), "{page}");
        assert!(page.contains("others took 50 % of it"), "{page}");
    }
}
