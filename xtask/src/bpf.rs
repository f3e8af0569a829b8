//! The BPF program's object, which is committed so that nobody needs a compiler for it.

use crate::command::{Failure, command, output, root, run, step};
use crate::packages::{self, Package};
use clap::Args;
use std::fs;
use std::path::Path;

/// The compiler, as Debian 12 has it.
const COMPILER: &str = "clang-14";
const PACKAGES: &[Package] = &[(COMPILER, "/usr/bin/clang-14")];

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Only compare: fail if the committed object is another
    #[arg(long)]
    check: bool,
}

pub(crate) fn make(options: Options) -> Result<(), Failure> {
    packages::install(PACKAGES)?;
    let program = root().join("crates/bpf/program");
    let object = root().join("crates/bpf/src/steering.bpf.o");
    let recorded = program.join("compiler.txt");
    let installed = version()?;
    let known = String::from_utf8_lossy(&read(&recorded)?).trim().to_owned();
    if options.check && installed != known {
        return Err(Failure::new(format!(
            "the object was made with {known}, and {COMPILER} is {installed}, which gives other instructions"
        )));
    }
    step("compiling the BPF program");
    let before = read(&object)?;
    let made = compile(&program)?;
    match (before == made, options.check) {
        (true, _) => println!("the object is what the source compiles to"),
        (false, true) => {
            return Err(Failure::new("the object is not what the source compiles to; run `cargo xtask bpf`"));
        }
        (false, false) => {
            write(&object, &made)?;
            write(&recorded, format!("{installed}\n").as_bytes())?;
            println!("the object has changed; commit {}", object.display());
        }
    }
    Ok(())
}

/// The object that the source compiles to.
fn compile(program: &Path) -> Result<Vec<u8>, Failure> {
    let arguments = read(&program.join("arguments.txt"))?;
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    let made = crate::command::target().join("steering.bpf.o");
    let mut compiler = command(COMPILER, &arguments.split_whitespace().collect::<Vec<_>>());
    compiler.arg("-o").arg(&made).current_dir(program);
    run(compiler)?;
    read(&made)
}

/// The first line of what the compiler says of itself.
fn version() -> Result<String, Failure> {
    let text = output(COMPILER, &["--version"])?;
    Ok(String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes)
        .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))
}
