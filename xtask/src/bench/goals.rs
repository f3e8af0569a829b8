//! What the project wants to reach.

use super::round::{Metric, Variant};
use auditns_bench::spread::Spread;
use serde::Serialize;

/// Where a figure must lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Which figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Figure {
    /// Ours, as many times that of the other, within a round.
    Ratio,
    /// Ours without that of the other, within a round.
    Difference,
    /// Ours.
    Value,
}

/// A goal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    id: &'static str,
    case: &'static str,
    metric: &'static str,
    base: Option<Variant>,
    ours: Variant,
    figure: Figure,
    bound: Bound,
}

/// A goal, and whether it is reached.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Judged {
    pub(crate) id: &'static str,
    pub(crate) text: String,
    pub(crate) met: bool,
    /// It is about ours and the other one, not about ours alone.
    #[serde(skip)]
    pub(crate) of_a_pair: bool,
}

/// The figures of a row, over rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) ours: Spread,
    pub(crate) ratio: Option<Spread>,
    pub(crate) difference: Option<Spread>,
}

const fn ratio(id: &'static str, case: &'static str, metric: Metric, bound: Bound) -> Goal {
    against(id, case, metric, "auditd", bound)
}

const fn against(id: &'static str, case: &'static str, metric: Metric, base: Variant, bound: Bound) -> Goal {
    Goal { id, case, metric: metric.name, base: Some(base), ours: "auditns", figure: Figure::Ratio, bound }
}

const fn value(id: &'static str, case: &'static str, metric: &'static str, bound: Bound) -> Goal {
    Goal { id, case, metric, base: None, ours: "auditns", figure: Figure::Value, bound }
}

use Bound::{AtLeast, AtMost};

const fn call(metric: &'static str) -> [Goal; 2] {
    [
        Goal {
            id: "G10",
            case: "unrelated",
            metric,
            base: Some("profile"),
            ours: "profile, auditns",
            figure: Figure::Ratio,
            bound: AtMost(1.01),
        },
        Goal {
            id: "G10",
            case: "unrelated",
            metric,
            base: Some("no filter"),
            ours: "auditns",
            figure: Figure::Difference,
            bound: AtMost(25.0),
        },
    ]
}

/// One processor's, several clients', and so on: by case and metric.
const GOALS: &[&[Goal]] = &[
    &[
        ratio("G1", "acked", Metric::P50, AtMost(2.0)),
        against("G1", "libaudit", Metric::MEAN, "reader", AtMost(1.5)),
        ratio("G2", "acked", Metric::P99, AtMost(1.3)),
        against("G3", "sparse", Metric::P50, "reader", AtMost(1.15)),
        against("G3", "sparse", Metric::P99, "reader", AtMost(1.15)),
        ratio("G4", "acked", Metric::STORED, AtLeast(0.6)),
        ratio("G5", "clients-8", Metric::STORED, AtLeast(1.1)),
        ratio("G5", "clients-64", Metric::STORED, AtLeast(1.1)),
        ratio("G5", "clients-256", Metric::STORED, AtLeast(1.4)),
        ratio("G6", "acked", Metric::CPU, AtMost(0.9)),
        ratio("G6", "clients-8", Metric::CPU, AtMost(0.95)),
        ratio("G6", "clients-64", Metric::CPU, AtMost(0.8)),
        ratio("G6", "clients-256", Metric::CPU, AtMost(0.75)),
        ratio("G6b", "auditd-inside-1", Metric::CPU, AtMost(1.25)),
        ratio("G6b", "auditd-inside-8", Metric::CPU, AtMost(1.5)),
        ratio("G7", "flood", Metric::STORED, AtLeast(3.0)),
        ratio("G7", "flood", Metric::CPU, AtMost(0.3)),
        value("G8", "neighbours-8", "p99", AtMost(200.0)),
        against("G8", "neighbours-8", Metric::P99, "auditd, backlog 64", AtMost(0.1)),
        against("G8", "neighbours-8", Metric::P99, "auditd, backlog 8192", AtMost(0.1)),
        value("G8", "neighbours-64", "p99", AtMost(400.0)),
        against("G8", "neighbours-64", Metric::P99, "auditd, backlog 64", AtMost(0.1)),
        against("G8", "neighbours-64", Metric::P99, "auditd, backlog 8192", AtMost(0.1)),
        ratio("G9", "hogs", Metric::P99, AtMost(1.5)),
    ],
    &call("getppid"),
    &call("read"),
    &call("openat+close"),
    &call("setsockopt"),
    &call("bind"),
    &call("recvfrom"),
    &[
        against("G11", "open", Metric::P50, "kernel", AtMost(5.0)),
        value("G12", "namespaces-10000", "kernel memory", AtMost(10.0)),
        value("G12", "namespaces-10000", "our memory", AtMost(8.0)),
        value("G12", "namespaces-10000", "creation", AtMost(120.0)),
        against("G12", "namespaces-10000", super::cases::namespaces::CALL, "one namespace", AtMost(1.3)),
        against("G13", "search", super::cases::search::TIME, "ausearch", AtMost(0.2)),
        value("G14", "stopped-auditd", "lost", AtMost(0.0)),
    ],
];

/// What a row is to reach.
pub(crate) fn judge(
    case: &str,
    metric: Metric,
    base: Option<Variant>,
    ours: Variant,
    figures: &Figures,
) -> Vec<Judged> {
    let of_row = |goal: &&Goal| {
        goal.case == case
            && goal.metric == metric.name
            && goal.ours == ours
            && (goal.base == base || goal.figure == Figure::Value)
    };
    GOALS
        .iter()
        .flat_map(|some| some.iter())
        .filter(of_row)
        .filter_map(|goal| goal.judge(metric, figures))
        .collect()
}

impl Goal {
    fn judge(&self, metric: Metric, figures: &Figures) -> Option<Judged> {
        let (found, unit) = match self.figure {
            Figure::Ratio => (figures.ratio?, "x".to_owned()),
            Figure::Difference => (figures.difference?, format!(" {} more", metric.unit)),
            Figure::Value => (figures.ours, format!(" {}", metric.unit)),
        };
        let (sign, limit, met) = match self.bound {
            Bound::AtMost(limit) => ("<=", limit, found.median <= limit),
            Bound::AtLeast(limit) => (">=", limit, found.median >= limit),
        };
        let of_a_pair = self.figure != Figure::Value;
        Some(Judged { id: self.id, text: format!("{sign} {limit}{unit}"), met, of_a_pair })
    }
}

/// The ratio that a row is to reach, for those who draw it.
pub(crate) fn line(case: &str, metric: Metric, base: Option<Variant>, ours: Variant) -> Option<f64> {
    let of_row = |goal: &&Goal| {
        goal.case == case
            && goal.metric == metric.name
            && (goal.base, goal.ours, goal.figure) == (base, ours, Figure::Ratio)
    };
    GOALS.iter().flat_map(|some| some.iter()).find(of_row).map(|goal| match goal.bound {
        Bound::AtMost(limit) | Bound::AtLeast(limit) => limit,
    })
}

#[cfg(test)]
mod tests {
    use super::super::cases::CASES;
    use super::*;

    fn even(value: f64) -> Spread {
        Spread { min: value, median: value, max: value }
    }

    fn judged(case: &str, metric: Metric, base: Option<Variant>, ours: f64, ratio: f64) -> Vec<bool> {
        let figures = Figures { ours: even(ours), ratio: Some(even(ratio)), difference: Some(even(ours)) };
        judge(case, metric, base, "auditns", &figures).iter().map(|goal| goal.met).collect()
    }

    #[test]
    fn a_goal_is_met_at_its_number_and_not_beyond() {
        assert_eq!(judged("acked", Metric::P50, Some("auditd"), 9.0, 2.0), [true]);
        assert_eq!(judged("acked", Metric::P50, Some("auditd"), 9.0, 2.01), [false]);
        assert_eq!(judged("acked", Metric::STORED, Some("auditd"), 9.0, 0.6), [true]);
        assert_eq!(judged("acked", Metric::STORED, Some("auditd"), 9.0, 0.59), [false]);
        assert_eq!(judged("acked", Metric::STORED, Some("reader"), 9.0, 0.59), [false; 0]);
        assert_eq!(
            judged("neighbours-8", Metric::P99, Some("auditd, backlog 64"), 201.0, 0.1),
            [false, true]
        );
        let getppid = Metric { name: "getppid", unit: "ns" };
        assert_eq!(judged("unrelated", getppid, Some("no filter"), 26.0, 0.0), [false]);
    }

    #[test]
    fn every_goal_is_one_of_a_case() {
        for goal in GOALS.iter().flat_map(|some| some.iter()) {
            assert!(CASES.iter().any(|case| case.name == goal.case), "{goal:?}");
        }
    }

    #[test]
    fn a_line_is_drawn_at_a_ratio_only() {
        assert_eq!(line("acked", Metric::P50, Some("auditd"), "auditns"), Some(2.0));
        assert_eq!(line("neighbours-8", Metric::P99, None, "auditns"), None);
    }
}
