//! Where the tests keep things: below the build folder, never in the source tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The folder of this package, which holds `scripts/` and `data/`.
pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The build folders that may hold a built program, most specific first.
pub fn build_folders() -> Vec<PathBuf> {
    let workspace = package().join("../../target");
    std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).into_iter().chain([workspace]).collect()
}

/// The folder for everything that end-to-end tests make, `target/e2e`.
///
/// # Panics
/// When no build folder can be made: no test can run then.
pub fn base() -> PathBuf {
    let base = build_folders()[0].join("e2e");
    fs::create_dir_all(&base).unwrap_or_else(|error| panic!("cannot make {}: {error}", base.display()));
    base.canonicalize().expect("a directory that was just made has a canonical path")
}

/// A directory of one run. It is removed on drop, but kept when the test fails, so that the failure can be looked at.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes a fresh directory whose name begins with `name`; mode 0755, because processes of other users pass
    /// through it.
    ///
    /// # Panics
    /// When the directory cannot be made.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base().join("run").join(format!("{name}-{}-{number}", std::process::id()));
        // A former process with this pid may have left a directory of a failed test.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        Self { path }
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it.
    ///
    /// # Panics
    /// When the directory cannot be made.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if !std::thread::panicking() && std::env::var_os("AUDITNS_E2E_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunDir;

    #[test]
    fn a_run_directory_is_fresh_and_goes_away() {
        let (first, second) = (RunDir::new("fresh"), RunDir::new("fresh"));
        assert_ne!(first.path(), second.path());
        let path = first.folder("inner");
        assert!(path.is_dir());
        drop(first);
        assert!(!path.exists());
    }
}
