//! The same BPF object on an older kernel: that of Debian 12, in an emulator that needs no hardware for it.

use crate::command::{self, Failure, command, output, step, target};
use crate::packages::{self, Package};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PACKAGES: &[Package] = &[
    ("qemu-system-x86", "/usr/bin/qemu-system-x86_64"),
    ("busybox-static", "/bin/busybox"),
    ("cpio", "/usr/bin/cpio"),
    ("dpkg-dev", "/usr/bin/dpkg-deb"),
    ("bash", "/bin/bash"),
];
/// What depends on the kernel of the day.
const KERNEL: &str = "linux-image-amd64";
/// Programs of tests, and those that they start.
const PROGRAMS: [&str; 2] = ["member", "sender"];
const TESTS: [&str; 2] = ["membership", "noting"];
/// What tells that all tests have passed: nothing else that they print begins like this.
const PASSED: &str = "old-kernel: passed";

/// Runs in the emulated machine. It has neither util-linux nor a second compiler.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /sys/fs/cgroup
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
export PATH=/bin HOME=/tmp RUST_BACKTRACE=0
uname -r
failed=
for test in /tests/deps/*; do
  $test --test-threads=1 --skip object:: --skip processes_with_other_numbers || failed=yes
done
[ -n "$failed" ] || echo "old-kernel: passed"
poweroff -f
"#;

pub(crate) fn run() -> Result<(), Failure> {
    packages::install(PACKAGES)?;
    let folder = target().join("old-kernel");
    fs::create_dir_all(&folder).map_err(|error| failure("made", &folder, &error))?;
    let kernel = kernel(&folder)?;
    step("the tests of BPF");
    let tests = tests()?;
    let initramfs = initramfs(&folder, &tests)?;
    step(&format!("the same on {}", kernel.file_name().unwrap_or_default().to_string_lossy()));
    let mut emulator =
        command("qemu-system-x86_64", &["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]);
    emulator.args(["-m", "2048", "-nographic", "-no-reboot", "-net", "none", "-kernel"]).arg(&kernel);
    emulator.arg("-initrd").arg(&initramfs);
    emulator.args(["-append", "console=ttyS0 panic=-1 quiet"]).stdin(Stdio::null()).stdout(Stdio::piped());
    if heard(emulator)? { Ok(()) } else { Err(Failure::new("tests have failed on the older kernel")) }
}

/// Shows what the machine prints. Returns whether all tests have passed.
fn heard(mut emulator: Command) -> Result<bool, Failure> {
    let started = emulator.spawn();
    let mut machine =
        started.map_err(|error| Failure::new(format!("the emulator cannot be started ({error})")))?;
    let mut passed = false;
    if let Some(output) = machine.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
            passed |= line.starts_with(PASSED);
        }
    }
    let _ = machine.wait();
    Ok(passed)
}

/// The kernel's file, unpacked from its package.
fn kernel(folder: &Path) -> Result<PathBuf, Failure> {
    let depends = output("apt-cache", &["depends", KERNEL])?;
    let depends = String::from_utf8_lossy(&depends).into_owned();
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
    let release = package.ok_or_else(|| Failure::new(format!("{KERNEL} depends on no kernel: {depends}")))?;
    let kernel = folder.join(format!("boot/vmlinuz-{release}"));
    if kernel.exists() {
        return Ok(kernel);
    }
    step(&format!("fetching Linux {release}"));
    let mut download = command("apt-get", &["-qq", "download", &format!("linux-image-{release}")]);
    download.current_dir(folder);
    command::run(download)?;
    let packages = files(folder)?;
    let package = packages.iter().find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    let package = package.ok_or_else(|| Failure::new("no package was downloaded"))?;
    let mut unpack = command("sh", &["-c", "dpkg-deb --fsys-tarfile \"$1\" | tar -x -C \"$2\" ./boot", "sh"]);
    unpack.arg(package).arg(folder);
    command::run(unpack)?;
    fs::remove_file(package).map_err(|error| failure("removed", package, &error))?;
    Ok(kernel)
}

/// The executables of the tests, by the names that they get in the machine.
fn tests() -> Result<Vec<(String, PathBuf)>, Failure> {
    let what = ["test", "--no-run", "--package", "auditns-bpf", "--message-format", "json", "--examples"];
    let mut cargo = command(env!("CARGO"), &what);
    for test in TESTS {
        cargo.args(["--test", test]);
    }
    let built = cargo.stderr(Stdio::inherit()).output();
    let built = built.map_err(|error| Failure::new(format!("cargo cannot be started ({error})")))?;
    let text = String::from_utf8_lossy(&built.stdout).into_owned();
    let mut found = Vec::new();
    for path in text.split("\"executable\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let path = PathBuf::from(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (stem, _) = name.rsplit_once('-').unwrap_or((&name, ""));
        if TESTS.contains(&stem) {
            found.push((format!("tests/deps/{stem}"), path));
        }
    }
    // Examples that tests start are built beside them, without a number in their names.
    let examples = target().join("debug/examples");
    found.extend(PROGRAMS.map(|name| (format!("tests/examples/{name}"), examples.join(name))));
    if found.len() == TESTS.len() + PROGRAMS.len() {
        return Ok(found);
    }
    Err(Failure::new(format!("not all tests were built: {found:?}")))
}

/// A root file system with the tests and the libraries that they are linked to.
fn initramfs(folder: &Path, tests: &[(String, PathBuf)]) -> Result<PathBuf, Failure> {
    let tree = folder.join("root");
    let _ = fs::remove_dir_all(&tree);
    let put = |from: &Path, to: &str| {
        let place = tree.join(to.trim_start_matches('/'));
        let parent = place.parent().unwrap_or(&tree);
        fs::create_dir_all(parent).map_err(|error| failure("made", parent, &error))?;
        fs::copy(from, &place).map(|_| ()).map_err(|error| failure("copied", from, &error))
    };
    let mut libraries = BTreeSet::new();
    let bash = [("bin/bash".to_owned(), PathBuf::from("/bin/bash"))];
    for (name, path) in tests.iter().chain(&bash) {
        put(path, name)?;
        libraries.extend(linked_to(path)?);
    }
    for library in &libraries {
        put(Path::new(library), library)?;
    }
    put(Path::new("/bin/busybox"), "bin/busybox")?;
    let init = tree.join("init");
    fs::write(&init, INIT).map_err(|error| failure("written", &init, &error))?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))
        .map_err(|error| failure("made executable", &init, &error))?;
    let packed = folder.join("initramfs");
    let mut pack = command("sh", &["-c", "find . | cpio --quiet -o -H newc > \"$1\"", "sh"]);
    pack.arg(&packed).current_dir(&tree);
    command::run(pack)?;
    Ok(packed)
}

/// The paths of the libraries that a program is linked to, and of its loader.
fn linked_to(program: &Path) -> Result<Vec<String>, Failure> {
    let text = output("ldd", &[&program.to_string_lossy()])?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let path = |line: &str| line.split_whitespace().find(|word| word.starts_with('/')).map(ToOwned::to_owned);
    Ok(text.lines().filter_map(path).collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| failure("read", folder, &error))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn failure(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be {what}: {error}", path.display()))
}
