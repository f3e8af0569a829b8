//! The tests, from the fast ones to the real ones.

use crate::command::{Failure, cargo, command, release_program, run, step};
use crate::{bench, bpf, deny, packages, sim, soak};
use std::path::PathBuf;

/// Packages whose tests need nothing but cargo and root.
pub(crate) const END_TO_END: &str = "auditns-e2e";
const CONFORMANCE: &str = "auditns-conformance";
const SIMULATOR: &str = "auditns-sim";

/// What fails in one run should be known after one run.
const ALL: &str = "--no-fail-fast";

/// Makes faults possible, in a build of their own.
const FAULTS: &str = "--features=faults";

pub(crate) fn all() -> Result<(), Failure> {
    packages::install(packages::TESTS)?;
    unit()?;
    deny::check()?;
    bpf::make(bpf::Options::CHECK)?;
    sim::check()?;
    conformance()?;
    end_to_end()?;
    soak::check()?;
    bench::check()
}

pub(crate) fn unit() -> Result<(), Failure> {
    step("format");
    cargo(&["fmt", "--all", "--check"])?;
    step("lints");
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["clippy", "--quiet", "--package", SIMULATOR, FAULTS, "--all-targets", "--", "-D", "warnings"])?;
    step("unit and property tests");
    cargo(&["test", "--quiet", ALL, "--workspace", "--exclude", END_TO_END, "--exclude", CONFORMANCE])?;
    step("faults that the simulator has to find");
    cargo(&["test", "--quiet", "--package", SIMULATOR, FAULTS, "--test", "faults"])
}

pub(crate) fn conformance() -> Result<(), Failure> {
    let program = release_build()?;
    step("the kernel and a namespace, asked the same things");
    let mut test = command(env!("CARGO"), &["test", ALL, "--release", "--package", CONFORMANCE]);
    test.env("AUDITNS_BIN", program);
    run(test)
}

pub(crate) fn end_to_end() -> Result<(), Failure> {
    let program = release_build()?;
    step("real programs");
    let mut test = command(env!("CARGO"), &["test", ALL, "--package", END_TO_END]);
    test.env("AUDITNS_BIN", program);
    run(test)
}

/// Builds the program as it is shipped.
pub(crate) fn release_build() -> Result<PathBuf, Failure> {
    step("release build");
    release_program("auditns")
}
