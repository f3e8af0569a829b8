//! The programs of `clients/`, one for each kind of audit client: each is run against the kernel and in a namespace, and
//! must print the same in both.

use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::auditns::Served;
use crate::host;
use crate::packages::{self, Need};
use crate::process::{self, Finished};
use crate::workdir::{self, RunDir};

/// The longest wait of a program for a record is 5 s, and no program waits often.
const LIMIT: Duration = Duration::from_secs(120);
/// The first build on a machine fetches and compiles libraries.
const BUILD_LIMIT: Duration = Duration::from_secs(400);
/// Debian's Go libraries.
const GO_PATH: &str = "/usr/share/gocode";

/// A 32-bit program needs no 32-bit library this way.
const FREESTANDING: [&str; 6] =
    ["-m32", "-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-no-pie"];

const C: &[Need] = &[("gcc", "gcc"), ("/usr/include/stdio.h", "libc6-dev")];
/// Libraries of C programs: the program's name, the library, and what brings its headers.
const LIBRARIES: &[(&str, &str, Need)] =
    &[("message-sender", "-laudit", ("/usr/include/libaudit.h", "libaudit-dev"))];
const GO: &[Need] = &[
    ("go", "golang-go"),
    ("/usr/share/gocode/src/github.com/mdlayher/netlink", "golang-github-mdlayher-netlink-dev"),
    ("/usr/share/gocode/src/github.com/vishvananda/netlink", "golang-github-vishvananda-netlink-dev"),
];
const PYTHON: &[Need] = &[("/usr/bin/python3", "python3")];

/// A program of `clients/`.
#[derive(Debug, Clone)]
pub struct Client {
    folder: PathBuf,
    flags: Vec<&'static str>,
}

impl Client {
    /// The program in that folder below `clients/`. The first part of the name is its language.
    pub fn new(folder: &str) -> Self {
        Self { folder: workdir::package().join("../../clients").join(folder), flags: Vec::new() }
    }

    /// Adds flags of `auditns run`.
    #[must_use]
    pub fn flags(mut self, flags: &[&'static str]) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Runs it in both places and compares.
    ///
    /// # Panics
    /// When it cannot be built, prints something else than it should, or leaves the kernel's audit changed.
    pub fn check(&self) {
        let words = self.build();
        let complaints = self.complaint("natively", &natively(&words))
            + &self.complaint("in a namespace", &self.in_a_namespace(&words));
        assert!(complaints.is_empty(), "{complaints}");
    }

    fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).expect("folders of clients have plain names")
    }

    fn in_a_namespace(&self, words: &[OsString]) -> Finished {
        let dir = RunDir::new(self.name());
        let served = Served::new(self.name(), &dir.folder("log")).flag(&self.flags);
        process::run(served.command().args(words), LIMIT)
    }

    fn complaint(&self, place: &str, finished: &Finished) -> String {
        let path = self.folder.join("expected.txt");
        let expected = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        if finished.code() == Some(0) && finished.stdout == expected {
            return String::new();
        }
        format!(
            "{} {place}: exit {:?} after {:.1?}; expected (-) and printed (+):\n{}--- stderr\n{}\n",
            self.name(),
            finished.code(),
            finished.took,
            difference(&expected, &finished.stdout),
            finished.stderr
        )
    }

    /// Builds the program and returns the words of its command.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn build(&self) -> Vec<OsString> {
        let out = workdir::base().join("clients");
        fs::create_dir_all(&out).expect("the build folder is writable");
        // Two compilers must not write to the same file at once.
        let lock = File::create(out.join("lock")).expect("the lock file can be made");
        flock(&lock, FlockOperation::LockExclusive).expect("a lock file can be locked");
        let parent = self.folder.parent().expect("clients are in folders");
        match parent.file_name().and_then(|language| language.to_str()) {
            Some("c") => vec![self.build_c(parent, &out).into()],
            Some("go") => vec![self.build_go(&out).into()],
            Some("rust") => vec![self.build_rust(parent, &out).into()],
            _ => {
                packages::install(PYTHON);
                vec!["/usr/bin/python3".into(), self.folder.join("main.py").into()]
            }
        }
    }

    fn build_c(&self, headers: &Path, out: &Path) -> PathBuf {
        packages::install(C);
        let program = out.join(self.name());
        let mut gcc = Command::new("gcc");
        gcc.args(["-std=c11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-I"]).arg(headers);
        if self.name().starts_with("i386-") {
            gcc.args(FREESTANDING);
        }
        let libraries: Vec<_> = LIBRARIES.iter().filter(|(name, ..)| *name == self.name()).collect();
        for (_, _, need) in &libraries {
            packages::install(&[*need]);
        }
        replace(&program, |new| {
            gcc.arg("-o").arg(new).arg(self.folder.join("main.c"));
            process::must(gcc.args(libraries.iter().map(|(_, flag, _)| flag)), BUILD_LIMIT);
        });
        program
    }

    fn build_go(&self, out: &Path) -> PathBuf {
        packages::install(GO);
        let program = out.join(self.name());
        let mut go = Command::new("go");
        go.env("GO111MODULE", "off").env("GOPATH", GO_PATH).env("GOFLAGS", "").env("CGO_ENABLED", "0");
        go.env("GOCACHE", out.join("go-cache")).current_dir(&self.folder);
        replace(&program, |new| {
            process::must(go.args(["build", "-buildvcs=false", "-o"]).arg(new).arg("."), BUILD_LIMIT);
        });
        program
    }

    fn build_rust(&self, workspace: &Path, out: &Path) -> PathBuf {
        let package = format!("{}-client", self.name());
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--quiet", "--locked", "--package", &package]);
        cargo
            .arg("--manifest-path")
            .arg(workspace.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(out.join("rust"));
        process::must(&mut cargo, BUILD_LIMIT);
        out.join("rust/debug").join(package)
    }
}

/// Builds a program under another name and renames it: another test may be about to execute what was built before, and
/// a linker's output cannot be executed until it is whole.
fn replace(program: &Path, build: impl FnOnce(&Path)) {
    let new = program.with_extension("new");
    build(&new);
    fs::rename(&new, program).expect("files of the build folder can be renamed");
}

/// Runs a client against the kernel, which it must leave as it was.
///
/// # Panics
/// When it does not.
pub fn natively(words: &[OsString]) -> Finished {
    let _kernel = host::Kernel::enable();
    let before = host::settings();
    assert_eq!(host::status("pid"), 0, "an audit daemon is registered with the kernel: stop it first");
    let finished = process::run(Command::new(&words[0]).args(&words[1..]), LIMIT);
    assert_eq!(host::settings(), before, "the kernel's audit is not as before: {}", finished.report());
    finished
}

/// Both texts line by line; what they begin and end with in common is shown once.
fn difference(expected: &str, seen: &str) -> String {
    let (expected, seen): (Vec<_>, Vec<_>) = (expected.lines().collect(), seen.lines().collect());
    let common = expected.len().min(seen.len());
    let head = expected.iter().zip(&seen).take_while(|(left, right)| left == right).count();
    let tail = expected.iter().rev().zip(seen.iter().rev()).take_while(|(left, right)| left == right).count();
    let tail = tail.min(common - head);
    let parts = [
        (' ', &expected[..head]),
        ('-', &expected[head..expected.len() - tail]),
        ('+', &seen[head..seen.len() - tail]),
        (' ', &expected[expected.len() - tail..]),
    ];
    let mut text = String::new();
    for (mark, lines) in parts {
        for line in lines {
            writeln!(text, "{mark} {line}").expect("a string takes everything");
        }
    }
    text
}

/// The lines in which two texts of as many lines differ, in pairs.
pub fn changes(expected: &str, seen: &str) -> String {
    let pairs = expected.lines().zip(seen.lines()).filter(|(left, right)| left != right);
    let mut text = format!("{} and {} lines\n", expected.lines().count(), seen.lines().count());
    for (left, right) in pairs {
        writeln!(text, "- {left}\n+ {right}").expect("a string takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{changes, difference};

    #[test]
    fn differences_are_marked() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "  a\n- b\n+ x\n+ y\n  c\n");
        assert_eq!(difference("a\na\n", "a\n"), "  a\n- a\n");
        assert_eq!(difference("", "a\n"), "+ a\n");
    }

    #[test]
    fn changes_stand_together() {
        assert_eq!(changes("a\nb\nc\n", "a\nx\nc\n"), "3 and 3 lines\n- b\n+ x\n");
    }
}
