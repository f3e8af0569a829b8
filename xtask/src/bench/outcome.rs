//! What the rounds of a case come to.

use super::goals::{self, Figures, Judged};
use super::round::{Metric, Rounds, Variant};
use auditns_bench::spread::Spread;
use serde::Serialize;

/// Everything that was measured, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// Of the kernel.
    pub(crate) kernel: String,
    /// Processors.
    pub(crate) processors: usize,
    pub(crate) cases: Vec<CaseOutcome>,
}

/// One case: either rows, or why there are none.
#[derive(Debug, Serialize)]
pub(crate) struct CaseOutcome {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Why it could not be measured.
    pub(crate) failed: Option<String>,
    /// The share of processor time that others took before.
    pub(crate) busy: Option<f64>,
    pub(crate) rounds: usize,
    pub(crate) remarks: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// A figure of ours, and what it is compared with.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) metric: Metric,
    pub(crate) base: Option<Side>,
    pub(crate) ours: Side,
    /// Ours to the other, made within each round: what disturbs a machine lasts longer.
    pub(crate) ratio: Option<Spread>,
    pub(crate) goals: Vec<Judged>,
}

/// One variant's figure.
#[derive(Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) variant: Variant,
    #[serde(flatten)]
    pub(crate) spread: Spread,
}

/// The rows of a case; `compared` names what is compared with what, the other one first.
pub(crate) fn rows(case: &str, compared: &[(Variant, Variant)], rounds: &Rounds) -> Vec<Row> {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut variants: Vec<Variant> = Vec::new();
    for (metric, variant) in rounds.done.iter().flat_map(super::round::Round::keys) {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
        if !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    let mut rows = Vec::new();
    for metric in metrics {
        let mut shown: Vec<Variant> = Vec::new();
        for (base, ours) in compared {
            if let Some(mut row) = row(case, metric, Some(base), ours, rounds) {
                if shown.contains(ours) {
                    // Said in the row before.
                    row.goals.retain(|goal| goal.of_a_pair);
                }
                shown.extend([*base, *ours]);
                rows.push(row);
            }
        }
        // What is compared with nothing.
        for variant in variants.iter().filter(|variant| !shown.contains(variant)) {
            rows.extend(row(case, metric, None, variant, rounds));
        }
    }
    rows
}

fn row(case: &str, metric: Metric, base: Option<Variant>, ours: Variant, rounds: &Rounds) -> Option<Row> {
    let pairs =
        || rounds.done.iter().filter_map(|round| Some((round.get(metric, base?)?, round.get(metric, ours)?)));
    let spread = |variant| Spread::of(rounds.done.iter().filter_map(|round| round.get(metric, variant)));
    let figures = Figures {
        ours: spread(ours)?,
        ratio: Spread::of(pairs().filter(|(base, _)| *base > 0.0).map(|(base, ours)| ours / base)),
        difference: Spread::of(pairs().map(|(base, ours)| ours - base)),
    };
    let base = match base {
        Some(variant) => Some(Side { variant, spread: spread(variant)? }),
        None => None,
    };
    let goals = goals::judge(case, metric, base.as_ref().map(|base| base.variant), ours, &figures);
    Some(Row {
        metric,
        base,
        ours: Side { variant: ours, spread: figures.ours },
        ratio: figures.ratio,
        goals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[(f64, f64)]) -> Rounds {
        let mut rounds = Rounds::new(u32::try_from(values.len()).unwrap());
        let mut next = values.iter();
        let noted = rounds.each(99, &[()], |(), round| {
            let (base, ours) = next.next().copied().unwrap();
            round.note("auditd", Metric::P50, base);
            round.note("auditns", Metric::P50, ours);
            round.note("auditns", Metric::LOST, 0.0);
            Ok(())
        });
        noted.unwrap();
        rounds
    }

    #[test]
    fn ratios_are_made_within_a_round() {
        // The machine becomes slower: medians of 2 and 6 would do as well, those of 1..=9 would not.
        let rows = rows("acked", &[("auditd", "auditns")], &rounds(&[(1.0, 3.0), (9.0, 9.0), (2.0, 8.0)]));
        let row = rows.iter().find(|row| row.metric == Metric::P50).unwrap();
        assert_eq!(row.ratio, Some(Spread { min: 1.0, median: 3.0, max: 4.0 }));
        assert_eq!(row.base.as_ref().unwrap().spread, Spread { min: 1.0, median: 2.0, max: 9.0 });
        assert!(!row.goals[0].met, "{row:?}");
    }

    #[test]
    fn what_is_compared_with_nothing_is_shown_alone() {
        let rows = rows("stopped-auditd", &[("auditd", "auditns")], &rounds(&[(1.0, 1.0)]));
        let row = rows.iter().find(|row| row.metric == Metric::LOST).unwrap();
        assert!(row.base.is_none() && row.ratio.is_none() && row.goals[0].met);
    }

    #[test]
    fn a_goal_of_ours_alone_is_judged_once() {
        let mut rounds = Rounds::new(1);
        let (short, long, ours) = ("auditd, backlog 64", "auditd, backlog 8192", "auditns");
        let noted = rounds.each(1, &[short, long, ours], |variant, round| {
            round.note(variant, Metric::P99, 100.0);
            Ok(())
        });
        noted.unwrap();
        let rows = rows("neighbours-8", &[(short, ours), (long, ours)], &rounds);
        assert_eq!(rows.iter().map(|row| row.goals.len()).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn nothing_measured_is_nothing_shown() {
        assert!(rows("acked", &[("auditd", "auditns")], &Rounds::new(3)).is_empty());
    }
}
