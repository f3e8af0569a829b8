//! How much unsafe code there is stands in docs/security.md, so that more of it does not come unseen. That it stands in these
//! crates only, and each block with its reason, are lints of the workspace.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../docs/security.md");

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let left_out = ["tests", "testing", "skeleton"];
        if path.file_stem().is_some_and(|stem| left_out.iter().any(|out| stem == *out)) {
            continue;
        }
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Blocks, functions and implementations in code, tests left out.
fn count(source: &str) -> usize {
    let code = source.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let unsafe_ones = ["unsafe {", "unsafe fn ", "unsafe impl ", "unsafe extern "];
    lines.map(|line| unsafe_ones.iter().map(|one| line.matches(one).count()).sum::<usize>()).sum()
}

/// The table of docs/security.md: crate, and how many.
fn documented() -> BTreeMap<String, usize> {
    let (_, rest) = DOCUMENT.split_once("| crate | unsafe |").expect("the table of unsafe code is there");
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1].parse().expect(cells[1]))).collect()
}

#[test]
fn as_much_as_the_document_says() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&crates).unwrap().flatten() {
        let mut files = Vec::new();
        sources(&entry.path().join("src"), &mut files);
        let sum: usize = files.iter().map(|file| count(&fs::read_to_string(file).unwrap())).sum();
        if sum > 0 {
            found.insert(entry.file_name().into_string().unwrap(), sum);
        }
    }
    assert_eq!(found, documented(), "left: found; right: the table in docs/security.md");
}

#[test]
fn it_is_seen() {
    let code = "fn f() {\n    // unsafe {\n    unsafe { g() };\n}\nunsafe impl Send for X {}\n";
    assert_eq!(count(code), 2);
    assert_eq!(count(&format!("{code}\n#[cfg(test)]\nmod tests {{\n{code}}}")), 2);
}
