//! Every target, given its seeds and mutations of them. `AUDITNS_FUZZ_CASES` looks further, `AUDITNS_FUZZ_FIRST` begins with
//! another mutation: that of a failure plays it again.

use auditns_fuzz_checks::{Search, TARGETS, search};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Mutations of each target's seeds.
const CASES: u64 = 20_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// Names in a folder, without their endings.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder of fuzz/");
    let stem = |path: PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
    entries.filter_map(|entry| stem(entry.expect("an entry of the folder").path())).collect()
}

/// The seeds of a target, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(fuzz().join("seeds").join(name))
        .unwrap_or_else(|error| panic!("the seeds of {name}: {error}"))
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_target_has_its_program_and_seeds() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), targets);
    assert_eq!(names(&fuzz().join("seeds")), targets);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).expect("the manifest of fuzz/");
    for name in targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in the manifest");
        let seeds = seeds(&name);
        assert!(seeds.len() >= 3, "{name} has {} seeds", seeds.len());
        assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), seeds.len(), "{name} has a seed twice");
        assert!(seeds.iter().all(|seed| seed.len() <= 4096), "a seed of {name} is not small");
    }
}

#[test]
fn every_target_stands_its_seeds_and_mutations_of_them() {
    let first = number("AUDITNS_FUZZ_FIRST").unwrap_or(0);
    let cases = number("AUDITNS_FUZZ_CASES").unwrap_or(CASES);
    for target in TARGETS {
        if let Err(failure) = search(target, &seeds(target.name), Search { first, cases }) {
            panic!("{failure}");
        }
    }
}
