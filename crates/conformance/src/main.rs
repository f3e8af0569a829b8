//! The `auditns-conformance` program.

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    auditns_conformance::main(&args)
}
