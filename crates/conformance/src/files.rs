//! Transcripts in files: fixtures and plays, a case a line.

use crate::transcript::{Case, RawCase};
use crate::{compare, normalise};
use serde::Serialize;

/// Reads a file of raw or normalised cases, one a line; raw ones are normalised.
pub(crate) fn load(path: &str) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    parse(&text).map_err(|e| format!("{path}: {e}"))
}

/// Parses cases from JSON lines.
pub(crate) fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut out = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.is_empty()) {
        let case = if line.contains("\"pids\":") {
            serde_json::from_str(line).map(|raw: RawCase| normalise::case(&raw))
        } else {
            serde_json::from_str(line)
        };
        out.push(case.map_err(|e| format!("line {}: {e}", i + 1))?);
    }
    Ok(out)
}

/// Whether two transcripts differ at all.
pub(crate) fn differ(want: &str, have: &str) -> Result<bool, String> {
    let (want, have) = (load(want)?, load(have)?);
    Ok(!compare::cases(&want, &have).is_empty())
}

/// Writes cases as JSON lines.
pub(crate) fn save<T: Serialize>(path: &str, cases: &[T]) -> Result<(), String> {
    let mut text = String::new();
    for case in cases {
        text.push_str(&serde_json::to_string(case).map_err(|e| e.to_string())?);
        text.push('\n');
    }
    std::fs::write(path, text).map_err(|e| format!("cannot write {path}: {e}"))
}

/// The audit fixture of a kernel booted with audit=1, which a namespace behaves as.
pub(crate) fn audit1_fixture() -> Result<Vec<Case>, String> {
    parse(include_str!("../fixtures/linux-6.1-audit1.jsonl")).map_err(|e| format!("built-in fixture: {e}"))
}

/// The fixture of a kernel booted without audit=1.
pub(crate) fn native_fixture() -> Result<Vec<Case>, String> {
    parse(include_str!("../fixtures/linux-6.18.jsonl")).map_err(|e| format!("built-in fixture: {e}"))
}

/// Which fixture speaks for a case when the played side holds records: the audit=1 one where it has the case.
pub(crate) fn prefer_audit1(mut want: Vec<Case>) -> Result<Vec<Case>, String> {
    let audit1 = audit1_fixture()?;
    want.retain(|c| !audit1.iter().any(|a| a.case == c.case));
    want.extend(audit1);
    Ok(want)
}
