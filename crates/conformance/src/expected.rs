//! The differences that are known, each with the reason why it cannot be otherwise today.

use crate::compare::Difference;
use crate::glob;
use serde::Deserialize;

/// One known difference. Every pattern left out matches everything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Pattern of cases.
    pub(crate) case: String,
    /// Pattern of steps: actor, primitive and socket, or `records` for a socket's stream of records.
    #[serde(default = "anything")]
    pub(crate) step: String,
    /// Pattern of notes.
    #[serde(default = "anything")]
    pub(crate) note: String,
    /// Pattern of the difference: `- wanted` or `+ found`.
    #[serde(default = "anything")]
    pub(crate) text: String,
    /// Why.
    pub(crate) reason: String,
}

fn anything() -> String {
    "*".into()
}

/// Reads a list.
pub(crate) fn load(path: &str) -> Result<Vec<Entry>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let list: Vec<Entry> = serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
    match list.iter().find(|e| e.reason.trim().len() < 10) {
        Some(entry) => Err(format!("{path}: the entry for {} gives no reason", entry.case)),
        None => Ok(list),
    }
}

impl Entry {
    fn covers(&self, d: &Difference) -> bool {
        glob::matches(&self.case, &d.case)
            && glob::matches(&self.step, &d.step)
            && glob::matches(&self.note, &d.note)
            && glob::matches(&self.text, &d.text)
    }
}

/// The verdict over a list of differences.
#[derive(Debug)]
pub(crate) struct Verdict<'a> {
    /// Differences that no entry covers.
    pub(crate) unexpected: Vec<&'a Difference>,
    /// Entries that cover nothing although the whole suite was played.
    pub(crate) needless: Vec<&'a Entry>,
    /// How many differences are covered.
    pub(crate) covered: usize,
}

/// Judges differences. Only a play of the whole suite can show that an entry is needless.
pub(crate) fn judge<'a>(differences: &'a [Difference], entries: &'a [Entry], whole: bool) -> Verdict<'a> {
    let unexpected: Vec<_> = differences.iter().filter(|d| !entries.iter().any(|e| e.covers(d))).collect();
    let needless = entries.iter().filter(|e| whole && !differences.iter().any(|d| e.covers(d))).collect();
    let covered = differences.len() - unexpected.len();
    Verdict { unexpected, needless, covered }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(case: &str, step: &str) -> Difference {
        Difference { case: case.into(), step: step.into(), note: "n".into(), text: "+ x".into() }
    }

    fn entry(case: &str, step: &str) -> Entry {
        serde_json::from_value(serde_json::json!({"case": case, "step": step, "reason": "because it is so"}))
            .unwrap()
    }

    #[test]
    fn every_difference_needs_an_entry_and_every_entry_a_difference() {
        let found = [difference("a.b", "m recv s"), difference("c", "a recv s")];
        let known = [entry("a.*", "m *"), entry("d*", "*"), entry("c", "z *")];
        let verdict = judge(&found, &known, true);
        assert_eq!(verdict.unexpected, [&found[1]]);
        assert_eq!(verdict.covered, 1);
        assert_eq!(verdict.needless.iter().map(|e| e.case.as_str()).collect::<Vec<_>>(), ["d*", "c"]);
        assert!(judge(&found, &known, false).needless.is_empty());
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(serde_json::from_str::<Entry>(r#"{"case":"a","reason":"why","stop":"x"}"#).is_err());
    }
}
