//! Debian packages that a task needs.

use crate::command::{Failure, command, run, step};
use std::path::Path;
use std::process::Stdio;

/// A package, and a file by which it is known to be installed.
pub(crate) type Package = (&'static str, &'static str);

/// What a build needs besides Rust: libbpf is compiled, and reads the kernel's types by libelf.
pub(crate) const BUILD: &[Package] = &[
    ("gcc", "/usr/bin/gcc"),
    ("make", "/usr/bin/make"),
    ("pkg-config", "/usr/bin/pkg-config"),
    ("libelf-dev", "/usr/include/libelf.h"),
    ("zlib1g-dev", "/usr/include/zlib.h"),
];

/// What the demonstration runs.
pub(crate) const DEMO: &[Package] = &[("auditd", "/usr/sbin/auditd")];

/// What makes the packages.
pub(crate) const DIST: &[Package] =
    &[("dpkg-dev", "/usr/bin/dpkg-shlibdeps"), ("binutils", "/usr/bin/strip")];

/// What the tests run on the host; what they run inside containers is in their own root file system.
pub(crate) const TESTS: &[Package] = &[
    ("auditd", "/usr/sbin/auditd"),
    ("mmdebstrap", "/usr/bin/mmdebstrap"),
    ("uidmap", "/usr/bin/newuidmap"),
    ("python3", "/usr/bin/python3"),
    ("iproute2", "/usr/bin/ip"),
    ("systemd-container", "/usr/bin/systemd-nspawn"),
    ("bubblewrap", "/usr/bin/bwrap"),
    ("runc", "/usr/sbin/runc"),
    ("busybox-static", "/bin/busybox"),
    ("crun", "/usr/bin/crun"),
    ("podman", "/usr/bin/podman"),
    ("docker.io", "/usr/sbin/dockerd"),
    ("containerd", "/usr/bin/containerd"),
    ("lxc", "/usr/bin/lxc-start"),
    ("strace", "/usr/bin/strace"),
    ("dpkg-dev", "/usr/bin/dpkg-shlibdeps"),
    ("binutils", "/usr/bin/strip"),
    ("gcc", "/usr/bin/gcc"),
    ("libc6-dev", "/usr/include/stdio.h"),
    ("libaudit-dev", "/usr/include/libaudit.h"),
    ("man-db", "/usr/bin/man"),
    ("golang-go", "/usr/bin/go"),
    ("golang-github-mdlayher-netlink-dev", "/usr/share/gocode/src/github.com/mdlayher/netlink"),
    ("golang-github-vishvananda-netlink-dev", "/usr/share/gocode/src/github.com/vishvananda/netlink"),
];

/// Installs what is missing, without starting any service.
pub(crate) fn install(packages: &[Package]) -> Result<(), Failure> {
    let missing: Vec<&str> =
        packages.iter().filter(|known| !Path::new(known.1).exists()).map(|known| known.0).collect();
    if missing.is_empty() {
        return Ok(());
    }
    step(&format!("installing {}", missing.join(" ")));
    if command("apt-get", &["--version"]).stdout(Stdio::null()).status().is_err() {
        return Err(Failure::new(format!(
            "apt-get is not here; install these yourself: {}",
            missing.join(" ")
        )));
    }
    let apt = |arguments: &[&str]| {
        let mut apt = command("apt-get", &["-o", "Acquire::Retries=5", "-o", "DPkg::Lock::Timeout=300"]);
        apt.args(arguments);
        // RUNLEVEL=1 keeps package scripts from starting auditd on the host.
        apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").stdout(Stdio::null());
        run(apt)
    };
    apt(&["-qq", "update"])?;
    apt(&[&["-qq", "-y", "--no-install-recommends", "install"][..], &missing].concat())
}
