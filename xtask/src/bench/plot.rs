//! Ratios as an SVG picture: a bar from 1 to the median, a whisker over the range, and a mark at the goal.

use super::goals;
use super::outcome::{CaseOutcome, Outcome, Row};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LABELS: f64 = 380.0;
const LINE: f64 = 22.0;
const TOP: f64 = 40.0;
/// Ratios from here to there, each doubling as wide as the next.
const RANGE: (f64, f64) = (1.0 / 64.0, 64.0);

/// The picture of all rows that have a ratio.
pub(crate) fn svg(outcome: &Outcome) -> String {
    let rows = outcome.cases.iter().flat_map(|case| case.rows.iter().map(move |row| (case, row)));
    let lines: Vec<String> =
        rows.filter(|(_, row)| row.ratio.is_some()).enumerate().filter_map(bar).collect();
    #[allow(clippy::cast_precision_loss)]
    let height = TOP + LINE * (lines.len() + 1) as f64;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"16\">ratios, median and range of rounds; red: the goal</text>"
    );
    for power in -6..=6 {
        let ratio = 2_f64.powi(power);
        let x = place(ratio);
        let colour = if power == 0 { "black" } else { "#ddd" };
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{height}\" stroke=\"{colour}\"/>\
             <text x=\"{x:.1}\" y=\"34\" text-anchor=\"middle\">{ratio:.3}</text>",
        );
    }
    text.extend(lines);
    text.push_str("</svg>\n");
    text
}

#[allow(clippy::cast_precision_loss)]
fn bar((number, (case, row)): (usize, (&CaseOutcome, &Row))) -> Option<String> {
    let ratio = row.ratio?;
    let base = row.base.as_ref().map(|base| base.variant);
    let y = TOP + LINE * number as f64 + LINE / 2.0;
    let (zero, end) = (place(1.0), place(ratio.median));
    let goal = goals::line(case.name, row.metric, base, row.ours.variant);
    let missed = row.goals.iter().any(|goal| !goal.met);
    let colour = if missed { "#d9a441" } else { "#4a7fb5" };
    let label = format!("{} {}: {} to {}", case.name, row.metric.name, row.ours.variant, base.unwrap_or(""));
    let mut text = String::new();
    let _ = write!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" fill=\"{colour}\"/>\n\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"black\"/>\n",
        LABELS - 8.0,
        y + 4.0,
        escaped(&label),
        zero.min(end),
        y - 6.0,
        (end - zero).abs().max(1.0),
        place(ratio.min),
        place(ratio.max),
    );
    if let Some(goal) = goal {
        let x = place(goal);
        let _ = writeln!(
            text,
            "<line class=\"goal\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"red\" stroke-width=\"2\"/>",
            y - 9.0,
            y + 9.0,
        );
    }
    Some(text)
}

/// Where a ratio lies.
fn place(ratio: f64) -> f64 {
    let (low, high) = (RANGE.0.log2(), RANGE.1.log2());
    let part = (ratio.max(f64::MIN_POSITIVE).log2().clamp(low, high) - low) / (high - low);
    LABELS + part * (WIDTH - LABELS - 16.0)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{Side, rows};
    use super::super::round::{Metric, Rounds};
    use super::*;

    fn outcome(ours: f64) -> Outcome {
        let mut rounds = Rounds::new(1);
        let noted = rounds.each(1, &["auditd", "auditns"], |variant, round| {
            round.note(variant, Metric::P50, if variant == "auditd" { 1.0 } else { ours });
            Ok(())
        });
        noted.unwrap();
        let case = CaseOutcome {
            name: "acked",
            about: "",
            failed: None,
            busy: None,
            rounds: 1,
            remarks: Vec::new(),
            rows: rows("acked", &[("auditd", "auditns")], &rounds),
        };
        Outcome { kernel: String::new(), processors: 1, cases: vec![case] }
    }

    #[test]
    fn a_bar_a_whisker_and_the_goal() {
        let text = svg(&outcome(4.0));
        assert_eq!(text.matches("class=\"goal\"").count(), 1, "{text}");
        assert!(text.contains("acked p50: auditns to auditd") && text.contains("#d9a441"), "{text}");
        assert!(svg(&outcome(1.5)).contains("#4a7fb5"));
    }

    #[test]
    fn places_stay_in_the_picture() {
        let places = [0.0, 1e-9, 1.0, 1e9].map(place);
        assert!(places.iter().all(|x| (LABELS..=WIDTH).contains(x)), "{places:?}");
        assert!(place(0.5) < place(1.0) && place(1.0) < place(2.0));
    }

    #[test]
    fn names_are_escaped() {
        let mut found = outcome(2.0);
        let spread = found.cases[0].rows[0].ours.spread;
        found.cases[0].rows[0].ours = Side { variant: "<b>&", spread };
        assert!(svg(&found).contains("&lt;b&gt;&amp;"));
    }
}
