//! Comparing two normalised transcripts.
//!
//! Replies are judged step by step. Records are judged as one stream an actor's socket: in which step a record was
//! fetched depends on scheduling, their order does not. Where a step received the same datagrams on both sides, acks
//! and probes must also come in the same order, and a registration's ack before its record.

use crate::transcript::{Case, Step};
use std::collections::BTreeMap;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) case: String,
    /// Actor, primitive and socket; `records` as primitive for the stream of records of a socket.
    pub(crate) step: String,
    /// Note of the step or of the request before it.
    pub(crate) note: String,
    /// `- wanted` or `+ found`.
    pub(crate) text: String,
}

/// Compares every case of `have` with the one of the same name in `want`.
pub(crate) fn cases(want: &[Case], have: &[Case]) -> Vec<Difference> {
    let mut out = Vec::new();
    for case in have {
        match want.iter().find(|w| w.case == case.case) {
            Some(wanted) => one(wanted, case, &mut out),
            None => out.push(Difference {
                case: case.case.clone(),
                step: "case".into(),
                note: String::new(),
                text: "+ no such case on the wanted side".into(),
            }),
        }
    }
    out
}

/// A datagram's text that is a record: a type of four digits and a length word.
fn is_record(text: &str) -> bool {
    let text = text.strip_prefix("group=1 ").unwrap_or(text);
    text.get(4..).is_some_and(|t| t.starts_with(" len="))
}

/// A datagram's text that is the kernel's probe of a registered auditd. It does not go through the queue of records,
/// so that their order is not defined.
fn is_probe(text: &str) -> bool {
    text.starts_with("1329 ")
}

fn one(want: &Case, have: &Case, out: &mut Vec<Difference>) {
    let mut note = "";
    let holds = want.holds && have.holds;
    for i in 0..want.steps.len().max(have.steps.len()) {
        let (w, h) = (want.steps.get(i), have.steps.get(i));
        let (Some(w), Some(h)) = (w, h) else {
            let missing = |s: Option<&Step>| s.map_or("nothing".to_owned(), |s| s.s.clone());
            let text = format!("step {i}: wanted {}, found {}", missing(w), missing(h));
            out.push(Difference { case: have.case.clone(), step: "case".into(), note: note.into(), text });
            break;
        };
        let mut push = |step: &str, note: &str, text: String| {
            out.push(Difference { case: have.case.clone(), step: step.into(), note: note.into(), text });
        };
        if w.s != h.s {
            push("case", note, format!("step {i}: wanted {}, found {}", w.s, h.s));
            break;
        }
        if !h.n.is_empty() || w.s.contains(" send") {
            note = &h.n;
        }
        if w.r != h.r {
            push(&w.s, note, format!("- {}", w.r.as_deref().unwrap_or("nothing")));
            push(&w.s, note, format!("+ {}", h.r.as_deref().unwrap_or("nothing")));
        }
        let replies =
            |s: &Step| s.d.iter().filter(|t| !is_record(t) && !is_probe(t)).cloned().collect::<Vec<_>>();
        let before = replies(w) == replies(h);
        for text in changes(&replies(w), &replies(h)) {
            push(&w.s, note, text);
        }
        if holds {
            for text in changes(&w.held, &h.held) {
                push(&w.s, note, text);
            }
        }
        let sorted = |s: &Step| {
            let mut list = s.d.clone();
            list.sort();
            list
        };
        // Acks and probes are sent by the request itself. Data and records come from threads of their own, so that
        // nothing is defined between them, but a registration is acked before it works.
        let without_records = |s: &Step| s.d.iter().filter(|t| !is_record(t)).cloned().collect::<Vec<_>>();
        let registration = |s: &Step| {
            let registered = |t: &str| t.contains(" op=set audit_pid=<") && t.ends_with(" res=1");
            s.d.iter().filter(|t| t.starts_with("ack ") || registered(t)).cloned().collect::<Vec<_>>()
        };
        let moved = without_records(w) != without_records(h) || registration(w) != registration(h);
        if before && moved && sorted(w) == sorted(h) {
            push(&w.s, note, format!("+ the order {:?} instead of {:?}", h.d, w.d));
        }
    }
    streams(want, have, out);
}

/// The records of every socket in order, what no step fetched included.
fn records(case: &Case) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for step in &case.steps {
        let Some((who, socket)) = step.s.split_once(" recv ") else { continue };
        let list = out.entry(format!("{who} records {socket}")).or_default();
        for text in step.d.iter().filter(|t| is_record(t)) {
            // Of noisy records only the kinds count, wherever they come first.
            if !step.noisy || !list.contains(text) {
                list.push(text.clone());
            }
        }
        if step.noisy {
            list.sort();
        }
        let list = out.entry(format!("{who} probes {socket}")).or_default();
        list.extend(step.d.iter().filter(|t| is_probe(t)).cloned());
    }
    for (key, list) in &case.leftover {
        let key = key.replacen(' ', " records ", 1);
        out.entry(key).or_default().extend(list.iter().cloned());
    }
    out
}

fn streams(want: &Case, have: &Case, out: &mut Vec<Difference>) {
    let (want_all, have_all) = (records(want), records(have));
    let mut keys: Vec<&String> = want_all.keys().chain(have_all.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let none = Vec::new();
        let (w, h) = (want_all.get(key).unwrap_or(&none), have_all.get(key).unwrap_or(&none));
        for text in changes(w, h) {
            out.push(Difference { case: have.case.clone(), step: key.clone(), note: String::new(), text });
        }
    }
}

/// The shortest list of removals and additions between two lists.
fn changes(want: &[String], have: &[String]) -> Vec<String> {
    if want == have {
        return Vec::new();
    }
    let width = have.len() + 1;
    // lengths[i * width + j]: the longest common subsequence of want[i..] and have[j..].
    let mut lengths = vec![0_u32; (want.len() + 1) * width];
    for i in (0..want.len()).rev() {
        for j in (0..have.len()).rev() {
            lengths[i * width + j] = if want[i] == have[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < want.len() || j < have.len() {
        if i < want.len() && j < have.len() && want[i] == have[j] {
            i += 1;
            j += 1;
        } else if j == have.len()
            || (i < want.len() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1])
        {
            out.push(format!("- {}", want[i]));
            i += 1;
        } else {
            out.push(format!("+ {}", have[j]));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(s: &str, d: &[&str]) -> Step {
        Step { s: s.into(), d: d.iter().map(|t| (*t).to_owned()).collect(), ..Step::default() }
    }

    fn diff(want: Vec<Step>, have: Vec<Step>) -> Vec<String> {
        let case = |steps, holds| Case { case: "c".into(), steps, holds, ..Case::default() };
        cases(&[case(want, false)], &[case(have, true)]).into_iter().map(|d| d.text).collect()
    }

    #[test]
    fn a_late_record_is_no_difference_and_a_lost_one_is() {
        let want = vec![step("a recv s", &["1305 len=text x"]), step("a recv s", &["1305 len=text y"])];
        let late = vec![step("a recv s", &[]), step("a recv s", &["1305 len=text x", "1305 len=text y"])];
        let lost = vec![step("a recv s", &[]), step("a recv s", &["1305 len=text y"])];
        let swapped = vec![step("a recv s", &["1305 len=text y", "1305 len=text x"]), step("a recv s", &[])];
        assert!(diff(want.clone(), late).is_empty());
        assert_eq!(diff(want.clone(), lost), ["- 1305 len=text x"]);
        assert_eq!(diff(want, swapped).len(), 2);
    }

    #[test]
    fn a_late_reply_is_a_difference() {
        let want = vec![step("a recv s", &["ack 0"]), step("a recv s", &[])];
        let have = vec![step("a recv s", &[]), step("a recv s", &["ack 0"])];
        assert_eq!(diff(want, have), ["- ack 0", "+ ack 0"]);
    }

    #[test]
    fn a_registration_that_works_before_its_ack_is_a_difference() {
        let record = "1305 len=text audit(T): op=set audit_pid=<a> old=0 res=1";
        let want = vec![step("a recv s", &["ack 0", record])];
        let have = vec![step("a recv s", &[record, "ack 0"])];
        assert_eq!(diff(want, have).len(), 1);
        let want = vec![step("a recv s", &["ack 0", "1305 len=text x"])];
        let have = vec![step("a recv s", &["1305 len=text x", "ack 0"])];
        assert!(diff(want, have).is_empty());
    }

    #[test]
    fn held_records_count_only_where_both_sides_hold() {
        let held = Step { s: "a recv s".into(), held: vec!["1112 len=text x".into()], ..Step::default() };
        let none = Step { s: "a recv s".into(), ..Step::default() };
        assert!(diff(vec![none.clone()], vec![held.clone()]).is_empty());
        let case = |step: &Step| Case {
            case: "c".into(),
            holds: true,
            steps: vec![step.clone()],
            ..Case::default()
        };
        assert_eq!(cases(&[case(&none)], &[case(&held)]).len(), 1);
    }

    #[test]
    fn results_steps_and_leftovers_are_compared() {
        let result = |r: &str| Step { s: "a bind s".into(), r: Some(r.into()), ..Step::default() };
        assert_eq!(diff(vec![result("0")], vec![result("-EINVAL")]), ["- 0", "+ -EINVAL"]);
        assert_eq!(diff(vec![result("0")], vec![step("a recv s", &[])]).len(), 1);
        assert_eq!(diff(vec![result("0")], vec![]).len(), 1);
        let mut have = Case { case: "c".into(), ..Case::default() };
        have.leftover.insert("a s".into(), vec!["ack 0".into()]);
        let want = Case { case: "c".into(), ..Case::default() };
        assert_eq!(cases(&[want], &[have.clone()])[0].text, "+ ack 0");
        assert_eq!(cases(&[], &[have]).len(), 1);
    }
}
