//! `cargo xtask`: everything that is done with this repository, each as one command.

mod bench;
mod bpf;
mod command;
mod demo;
mod deny;
mod dist;
mod fuzz;
mod old_kernel;
mod packages;
mod sim;
mod soak;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Everything that is done with this repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    task: Task,
}

#[derive(Clone, Debug, Subcommand)]
enum Task {
    /// Show what auditns does, beside what the same commands do without it (root; installs auditd if missing)
    Demo,
    /// Install what tests need and run everything (root)
    Test,
    /// Format check, lints and unit tests
    Unit,
    /// The kernel and a namespace, asked the same things
    Conformance,
    /// Random histories of audit namespaces on virtual time, compared with a model
    Sim(sim::Options),
    /// Real programs in a Debian root file system
    E2e,
    /// A supervisor that serves for a long time: nothing may grow (root)
    Soak(soak::Options),
    /// What audit sockets cost, in ratio to the kernel's own (root)
    Bench(bench::Options),
    /// Compile the BPF programs again and compare with the object and the skeleton that are committed (installs clang-14)
    Bpf(bpf::Options),
    /// The tests of BPF on Debian 12's kernel, in an emulator (installs qemu-system-x86 and others if missing)
    OldKernel,
    /// Short fuzzing of every decoder (needs cargo-fuzz), or random requests to the kernel and to a namespace
    Fuzz(fuzz::Options),
    /// Licences and sources of all dependencies (installs cargo-deny into target/tools if missing)
    Deny,
    /// Make a Debian package and a tarball of what is installed, in target/dist
    Dist(dist::Options),
}

fn main() -> ExitCode {
    let task = Xtask::parse().task;
    let result = packages::install(packages::BUILD).and_then(|()| run(task));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), command::Failure> {
    match task {
        Task::Demo => demo::run(),
        Task::Test => test::all(),
        Task::Unit => test::unit(),
        Task::Conformance => test::conformance(),
        Task::Sim(options) => sim::run(options),
        Task::E2e => test::end_to_end(),
        Task::Soak(options) => soak::run(options),
        Task::Bench(options) => bench::run(&options),
        Task::Bpf(options) => bpf::make(options),
        Task::OldKernel => old_kernel::run(),
        Task::Fuzz(options) => fuzz::fuzz(options),
        Task::Deny => deny::check(),
        Task::Dist(options) => dist::run(options),
    }
}
