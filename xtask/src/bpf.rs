//! The object of the BPF programs and its skeleton, which are committed so that nobody needs what makes them.

use crate::command::{Failure, command, output, root, run, step, target};
use crate::packages::{self, Package};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// The compiler, as Debian 12 has it.
const COMPILER: &str = "clang-14";
const PACKAGES: &[Package] = &[(COMPILER, "/usr/bin/clang-14")];
/// What both are called, with their endings.
const OBJECT: &str = "auditns.bpf.o";
const SKELETON: &str = "skeleton.rs";

#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Only compare: fail if the committed object or skeleton is another
    #[arg(long)]
    check: bool,
}

impl Options {
    /// What tests want.
    pub(crate) const CHECK: Options = Options { check: true };
}

pub(crate) fn make(options: Options) -> Result<(), Failure> {
    packages::install(PACKAGES)?;
    let program = root().join("crates/bpf/program");
    let source = root().join("crates/bpf/src");
    let recorded = program.join("compiler.txt");
    let installed = version()?;
    let known = String::from_utf8_lossy(&read(&recorded)?).trim().to_owned();
    if options.check && installed != known {
        return Err(Failure::new(format!(
            "the object was made with {known}, and {COMPILER} is {installed}, which gives other instructions"
        )));
    }
    step("compiling the BPF programs");
    let object = compile(&program)?;
    step("making the skeleton");
    let skeleton = describe(&object)?;
    let mut same = true;
    for (made, name) in [(&object, OBJECT), (&skeleton, SKELETON)] {
        let committed = source.join(name);
        let made = read(made)?;
        if fs::read(&committed).is_ok_and(|before| before == made) {
            continue;
        }
        same = false;
        if options.check {
            return Err(Failure::new(format!(
                "{} is not what the source comes to; run `cargo xtask bpf`",
                committed.display()
            )));
        }
        write(&committed, &made)?;
        println!("it has changed; commit {}", committed.display());
    }
    write(&recorded, format!("{installed}\n").as_bytes())?;
    if same {
        println!("the object and its skeleton are what the source comes to");
    }
    Ok(())
}

/// The object that the source compiles to.
fn compile(program: &Path) -> Result<PathBuf, Failure> {
    let arguments = read(&program.join("arguments.txt"))?;
    let arguments = String::from_utf8_lossy(&arguments).into_owned();
    let made = target().join(OBJECT);
    let mut compiler = command(COMPILER, &arguments.split_whitespace().collect::<Vec<_>>());
    compiler.arg("-o").arg(&made).current_dir(program);
    run(compiler)?;
    Ok(made)
}

/// The skeleton of an object, by libbpf's own generator.
fn describe(object: &Path) -> Result<PathBuf, Failure> {
    let made = target().join(SKELETON);
    let manifest = root().join("crates/bpf/skeleton/Cargo.toml");
    let mut generator = command(env!("CARGO"), &["run", "--quiet", "--locked", "--manifest-path"]);
    generator.arg(manifest).arg("--").arg(object).arg(&made);
    // Beside the workspace's own, since the lock file and the features are others.
    generator.env("CARGO_TARGET_DIR", target().join("skeleton"));
    run(generator)?;
    Ok(made)
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
