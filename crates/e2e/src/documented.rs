//! What the documentation tells people to do, done as it stands there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::container::{Mode, Outcome};
use crate::log::Log;
use crate::packages::{self, Need};
use crate::workdir::{self, RunDir};
use crate::{auditns, process, rootfs};

const TOOLS: &[Need] = &[
    ("runc", "runc"),
    ("crun", "crun"),
    ("podman", "podman"),
    ("dockerd", "docker.io"),
    ("containerd", "containerd"),
    ("bwrap", "bubblewrap"),
];

/// A fenced block of a page.
#[derive(Debug, Clone)]
pub struct Block {
    /// The word behind the fence.
    pub language: String,
    /// What is in it.
    pub text: String,
}

/// The blocks of a page of `docs/runtimes`.
///
/// # Panics
/// When there is no such page.
pub fn blocks(page: &str) -> Vec<Block> {
    let path = workdir::package().join("../../docs/runtimes").join(page).with_extension("md");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block of {} does not end", path.display());
    blocks
}

/// The first block of a page in a language that contains a text.
///
/// # Panics
/// When there is none.
pub fn block(page: &str, language: &str, containing: &str) -> String {
    let found =
        blocks(page).into_iter().find(|block| block.language == language && block.text.contains(containing));
    found
        .unwrap_or_else(|| panic!("docs/runtimes/{page}.md has no {language} block with {containing:?}"))
        .text
}

/// A host of its own for what a page says: its `/etc`, `/usr/bin`, `/run`, `/srv` and `/var` are private, and auditns is
/// installed and serves.
#[derive(Debug)]
pub struct Reader {
    dir: Arc<RunDir>,
}

impl Reader {
    /// # Panics
    /// When it cannot be prepared.
    pub fn new(name: &str) -> Self {
        packages::install(TOOLS);
        let dir = Arc::new(RunDir::new(name));
        for folder in ["box", "files", "e2e/out", "log"] {
            dir.folder(folder);
        }
        Self { dir }
    }

    /// Puts a file where the page says.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        let to = self.dir.path().join("files").join(path.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("it is in a folder"))
            .expect("the folder of this run is writable");
        fs::write(to, text).expect("the folder of this run is writable");
        self
    }

    /// Runs a script where a manager (`podman`, `docker`, `containerd`, `runc` or `launcher`) is ready, with an image or
    /// root file system that is called as the page calls it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, manager: &str, script: &str) -> Outcome {
        fs::write(self.dir.path().join("page.sh"), script).expect("the folder of this run is writable");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--net", "--mount-proc", "--fork"]);
        command.arg("--kill-child").arg("--").arg(workdir::package().join("scripts/documented.sh"));
        command.arg(manager).arg(rootfs::roots().of(Mode::Init)).arg(self.dir.path()).arg(auditns::program());
        Outcome::new(process::run(&mut command, Duration::from_secs(120)), Arc::clone(&self.dir))
    }

    /// The logs of all namespaces that there were.
    ///
    /// # Panics
    /// When one cannot be read.
    pub fn logs(&self) -> Vec<Log> {
        let mut folders: Vec<PathBuf> = entries(&self.dir.path().join("log"));
        folders.retain(|path| path.join("audit.log").exists());
        folders.iter().map(|folder| Log::read(&folder.join("audit.log"))).collect()
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder of the logs is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}
