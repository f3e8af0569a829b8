//! What happens now, a screen at a time.

use super::columns::{Side, align, length, shorten};
use super::table::members;
use crate::interface::NamespaceInfo;
use auditns_wire::text::escape;
use std::collections::HashMap;
use std::time::Duration;

/// The namespaces at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When they were asked for, on a clock that is never set.
    pub taken: Duration,
    /// What there was.
    pub namespaces: Vec<NamespaceInfo>,
}

const HEADINGS: [&str; 7] = ["NAME", "RECORDS/S", "QUEUE", "LOST", "BLOCKED MS/S", "MEMBERS", "SOCKETS"];

const SIDES: [Side; 7] =
    [Side::Left, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right, Side::Right];

/// Fewest characters that a name gets before other columns are cut off.
const NAME_MIN: usize = 8;

/// A namespace with what changed since the sample before.
struct Line<'a> {
    namespace: &'a NamespaceInfo,
    records: Rate,
    blocked: Rate,
}

/// Tenths a second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rate(u128);

/// At most `height` lines of at most `width` characters: a summary, headings, and the namespaces by records a second.
/// What has no line is counted in the last one.
pub fn frame(previous: &Sample, current: &Sample, width: usize, height: usize) -> Vec<String> {
    let lines = lines(previous, current);
    let mut screen = vec![summary(&lines)];
    let room = height.saturating_sub(2);
    let shown = if lines.len() > room { room.saturating_sub(1) } else { lines.len() };

    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(lines.iter().take(shown).map(row));
    fit_names(&mut rows, width);
    screen.extend(align(&rows, SIDES));
    if shown < lines.len() {
        screen.push(format!("and {} more", lines.len() - shown));
    }
    screen.truncate(height);
    screen.iter().map(|line| shorten(line, width)).collect()
}

fn lines<'a>(previous: &Sample, current: &'a Sample) -> Vec<Line<'a>> {
    let elapsed = current.taken.saturating_sub(previous.taken);
    let before: HashMap<u64, &NamespaceInfo> =
        previous.namespaces.iter().map(|namespace| (namespace.contid, namespace)).collect();
    let mut lines: Vec<Line<'a>> = current
        .namespaces
        .iter()
        .map(|namespace| {
            // What was not there before did all it has done since.
            let before = before.get(&namespace.contid);
            let rate = |counter: fn(&NamespaceInfo) -> u64| {
                let count = counter(namespace).saturating_sub(before.map_or(0, |before| counter(before)));
                Rate::of(count, elapsed)
            };
            Line { namespace, records: rate(|n| n.records), blocked: rate(|n| n.blocked_ms) }
        })
        .collect();
    lines.sort_by(|left, right| {
        let key = |line: &Line<'_>| (std::cmp::Reverse(line.records), line.namespace.name.clone());
        key(left).cmp(&key(right))
    });
    lines
}

fn summary(lines: &[Line<'_>]) -> String {
    let records = Rate(lines.iter().map(|line| line.records.0).sum());
    let lost: u128 = lines.iter().map(|line| u128::from(line.namespace.lost_total)).sum();
    let namespaces = if lines.len() == 1 { "namespace" } else { "namespaces" };
    format!("{} {namespaces}, {} records/s, {lost} lost", lines.len(), records.text())
}

fn row(line: &Line<'_>) -> [String; 7] {
    let namespace = line.namespace;
    let queued = [namespace.queued_main, namespace.queued_retry, namespace.queued_hold].map(u64::from);
    [
        escape(namespace.name.as_bytes()),
        line.records.text(),
        queued.iter().sum::<u64>().to_string(),
        namespace.lost_total.to_string(),
        line.blocked.text(),
        members(namespace),
        namespace.open_sockets.to_string(),
    ]
}

/// Shortens names until the other columns fit.
fn fit_names(rows: &mut [[String; 7]], width: usize) {
    let plain = align(rows, SIDES).iter().map(|line| length(line)).max().unwrap_or(0);
    let longest = rows.iter().map(|[name, ..]| length(name)).max().unwrap_or(0);
    let name_width = longest.saturating_sub(plain.saturating_sub(width)).max(NAME_MIN);
    for [name, ..] in rows {
        *name = shorten(name, name_width);
    }
}

impl Rate {
    fn of(count: u64, elapsed: Duration) -> Rate {
        Rate((u128::from(count) * 10_000_000_000).checked_div(elapsed.as_nanos()).unwrap_or(0))
    }

    fn text(self) -> String {
        format!("{}.{}", self.0 / 10, self.0 % 10)
    }
}
