//! The tests that docs/security.md names as guards are there.

use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../docs/security.md");

/// All source files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether `NAME: PLACE` is there: a file of a crate, or a test in it as `FILE::TEST`.
fn is_there(guard: &str) -> bool {
    let Some((name, place)) = guard.split_once(": ") else { return false };
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name), &mut files);
    let Some((modules, test)) = place.rsplit_once("::") else {
        return files.iter().any(|path| path.ends_with(place));
    };
    let last = modules.rsplit("::").next().unwrap_or(modules);
    let of_module = |path: &&PathBuf| {
        path.file_stem().is_some_and(|stem| stem == last)
            || path.parent().is_some_and(|folder| folder.ends_with(last))
    };
    let function = format!("fn {test}(");
    files.iter().filter(of_module).any(|path| {
        let source = fs::read_to_string(path).unwrap_or_default();
        // The attribute stands in one of the lines above the function.
        source
            .split_once(&function)
            .is_some_and(|(before, _)| before.rsplit('}').next().is_some_and(|near| near.contains("#[test]")))
    })
}

/// The last cell of each row of the table of attackers.
fn guards() -> impl Iterator<Item = (&'static str, &'static str)> {
    let (_, rest) = DOCUMENT.split_once("| who | what |").expect("the table of attackers is there");
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| (row, row.trim_end_matches(['|', ' ']).rsplit("| ").next().unwrap_or_default()))
}

#[test]
fn every_row_names_tests_that_are_there() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (row, cell) in guards() {
        let named: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        if named.is_empty() && cell != "-" {
            wrong.push(format!("no test: {row}"));
        }
        count += named.len();
        wrong
            .extend(named.iter().filter(|guard| !is_there(guard)).map(|guard| format!("not there: {guard}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 40, "only {count} tests are named");
}

#[test]
fn what_is_not_there_is_seen() {
    assert!(is_there("e2e: isolation::no_record_crosses"));
    for guard in [
        "e2e: isolation::no_record",
        "cli: isolation::no_record_crosses",
        "e2e: isolation.rs::x",
        "e2e",
        "control: tests/none.rs",
    ] {
        assert!(!is_there(guard), "{guard}");
    }
    assert!(!is_there("e2e: isolation::expect_only"), "no test, but a function");
}
