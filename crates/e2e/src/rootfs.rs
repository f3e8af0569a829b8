//! The root file systems of the test containers: Debian 12, made once by mmdebstrap and cached.
//!
//! There are two: one with the ids as they are, one whose files belong to the ids of a user namespace that maps
//! 0..65535 to 100000..165535. Tests never write to them: `scripts/enter.sh` puts a private overlay over them.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::container::Mode;
use crate::packages::{self, Need};
use crate::{process, workdir};

/// The Debian release inside.
const SUITE: &str = "bookworm";

/// What is installed inside, beyond the essential packages.
const PACKAGES: &[&str] = &[
    "adduser",
    "auditd",
    "cron",
    "git",
    "iproute2",
    "libaudit1",
    "libpam-modules",
    "libpam-modules-bin",
    "libpython3-stdlib",
    "login",
    "openssh-client",
    "openssh-server",
    "passwd",
    "procps",
    "python3-minimal",
    "sudo",
    "systemd-sysv",
    "util-linux",
];

/// What the machine itself needs.
const TOOLS: &[Need] = &[
    ("mmdebstrap", "mmdebstrap"),
    ("auditctl", "auditd"),
    ("ausearch", "auditd"),
    ("aureport", "auditd"),
    ("flock", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("strace", "strace"),
    ("systemd-nspawn", "systemd-container"),
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
];

/// The cached root file systems.
#[derive(Debug, Clone)]
pub struct Roots {
    /// For containers in the initial user namespace.
    pub init: PathBuf,
    /// For containers in a user namespace: every file belongs to 100000 + its id.
    pub user: PathBuf,
}

impl Roots {
    /// The one for containers of a mode.
    pub fn of(&self, mode: Mode) -> &Path {
        match mode {
            Mode::User => &self.user,
            Mode::Init | Mode::Docker | Mode::Control => &self.init,
        }
    }
}

/// The root file systems; the first caller on a machine waits about a minute for them.
///
/// # Panics
/// When they cannot be made: no package source of the machine has Debian 12, or a tool is missing and cannot be
/// installed.
pub fn roots() -> &'static Roots {
    static ROOTS: OnceLock<Roots> = OnceLock::new();
    ROOTS.get_or_init(|| {
        assert!(
            rustix::process::geteuid().is_root(),
            "the end-to-end tests make containers: run them as root"
        );
        let mut hasher = DefaultHasher::new();
        (SUITE, PACKAGES, include_str!("rootfs.rs")).hash(&mut hasher);
        let cache = workdir::base().join(format!("root-{:016x}", hasher.finish()));
        // Several test programs may start at once; one builds, the others wait for it.
        let lock = File::create(workdir::base().join("root.lock")).expect("the lock file can be made");
        flock(&lock, FlockOperation::LockExclusive).expect("a lock file can be locked");
        packages::install(TOOLS);
        let roots = Roots { init: cache.join("init"), user: cache.join("user") };
        let complete = cache.join("complete");
        if !complete.exists() {
            let _ = fs::remove_dir_all(&cache);
            fs::create_dir_all(&cache).expect("the cache folder can be made");
            build(&cache, &roots);
            File::create(complete).expect("the cache folder is writable");
        }
        roots
    })
}

fn build(cache: &Path, roots: &Roots) {
    let text = apt_sources();
    // apt tells the two formats apart by the name.
    let stanzas = text.lines().any(|line| line.starts_with("Suites:"));
    let sources = cache.join(if stanzas { "debian.sources" } else { "debian.list" });
    fs::write(&sources, text).expect("the cache folder is writable");
    let tar = cache.join("root.tar");
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=minbase", "--format=tar"]);
    for option in apt_options() {
        mmdebstrap.arg(format!("--aptopt={option}"));
    }
    for folder in ["doc", "man", "locale", "info"] {
        mmdebstrap.arg(format!("--dpkgopt=path-exclude=/usr/share/{folder}/*"));
    }
    mmdebstrap.arg(format!("--include={}", PACKAGES.join(",")));
    mmdebstrap.arg(SUITE).arg(&tar).arg(&sources);
    mmdebstrap.arg("--aptopt=Acquire::Retries \"5\"");
    process::must(&mut mmdebstrap, Duration::from_secs(900));
    for (mode, root) in [("init", &roots.init), ("user", &roots.user)] {
        process::must(
            Command::new(workdir::package().join("scripts/unpack.sh")).arg(mode).arg(&tar).arg(root),
            Duration::from_secs(120),
        );
    }
    fs::remove_file(tar).expect("the archive was just made");
}

/// The machine's own package sources that have the release, as one text for mmdebstrap. The sources, the keyrings and
/// the proxies that they name are taken as they are.
fn apt_sources() -> String {
    if let Some(path) = std::env::var_os("AUDITNS_E2E_SOURCES") {
        return fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read AUDITNS_E2E_SOURCES {}: {error}", path.display()));
    }
    let mut lines = String::new();
    let mut stanzas = String::new();
    let folder =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    for path in [PathBuf::from("/etc/apt/sources.list")].into_iter().chain(folder) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => {
                for line in text.lines().filter(|line| has_release(line)) {
                    lines.extend([line, "\n"]);
                }
            }
            Some("sources") => {
                for stanza in text.split("\n\n").filter(|stanza| has_release(stanza)) {
                    stanzas.extend([stanza.trim(), "\n\n"]);
                }
            }
            _ => {}
        }
    }
    let sources = if stanzas.is_empty() { lines } else { stanzas };
    assert!(
        !sources.is_empty(),
        "no package source of this machine has {SUITE}: name one in a file and set AUDITNS_E2E_SOURCES to its path"
    );
    sources
}

/// Whether an entry of either format (one line, or a stanza of fields) names the release or its updates.
fn has_release(entry: &str) -> bool {
    entry
        .lines()
        .filter(|line| line.starts_with("deb ") || line.starts_with("Suites:"))
        .flat_map(str::split_whitespace)
        .any(|word| {
            word == SUITE || word == format!("{SUITE}-updates") || word == format!("{SUITE}-security")
        })
}

/// Proxies and freshness checks as the machine's apt has them.
fn apt_options() -> Vec<String> {
    let dump = process::must(
        Command::new("apt-config").args(["dump", "--no-empty", "--format=%F \"%v\"%n"]),
        Duration::from_secs(20),
    );
    dump.lines()
        .filter(|line| {
            line.starts_with("Acquire::")
                && ["::Proxy", "::Check-Valid-Until", "::Check-Date", "::CaInfo"]
                    .iter()
                    .any(|part| line.contains(part))
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::has_release;

    #[test]
    fn sources_of_the_release_only() {
        assert!(has_release("deb http://mirror.example/debian bookworm main"));
        assert!(has_release(
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates"
        ));
        assert!(has_release("Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security"));
        assert!(!has_release("# deb http://mirror.example/debian bookworm main"));
        assert!(!has_release("deb http://mirror.example/apt other-bookworm main"));
        assert!(!has_release("Types: deb\nURIs: http://mirror.example/bookworm\nSuites: trixie"));
    }
}
