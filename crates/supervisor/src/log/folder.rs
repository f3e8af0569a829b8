//! The folder of a namespace's log, held by one supervisor at a time.

use auditns_sys::identity::process::has_lost_its_first_thread;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a lock that somebody holds is tried again.
const LOOK: Duration = Duration::from_millis(5);
/// Longest name of a namespace in bytes.
pub(crate) const NAME_MAX: usize = 64;

/// Whether a namespace may be called so: 1 to 64 letters, digits, `.`, `_`, `-` or `:`, the first one a letter or digit.
/// Such a name is a safe file name and needs no escape anywhere.
pub fn valid_name(name: &str) -> bool {
    name.len() <= NAME_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':'))
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not a name.
    #[error(
        "{name:?} is no name for a namespace; use 1 to 64 letters, digits, '.', '_', '-' or ':', beginning with a \
         letter or digit"
    )]
    Name {
        /// What was given.
        name: String,
    },
    /// Cannot be made.
    #[error("the log folder {} cannot be made ({error}); choose another one with --log-dir", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Cannot be locked.
    #[error("the lock file {} cannot be opened ({error}); check the folder's owner and mode", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another supervisor has it.
    #[error(
        "a namespace called {name} is already being served with the log folder {}; choose another --name",
        path.display()
    )]
    InUse {
        /// The namespace's name.
        name: String,
        /// The folder.
        path: PathBuf,
    },
}

/// A namespace's own folder. The lock lasts as long as the value.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes `parent/name` (mode 0700, with its parents) if it does not exist, and locks it. A lock counts as free if its holder has
    /// ended, but for threads that the kernel does not let go: they may never end.
    pub fn open(parent: &Path, name: &str) -> Result<Folder, FolderError> {
        if !valid_name(name) {
            return Err(FolderError::Name { name: name.to_owned() });
        }
        let path = parent.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| FolderError::Create { path: path.clone(), error })?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&lock_path)
            .map_err(|error| FolderError::Lock { path: lock_path, error })?;
        let locked = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
        if !locked && !holder_is_dead(&lock) {
            return Err(FolderError::InUse { name: name.to_owned(), path: parent.to_owned() });
        }
        Ok(Folder { path, _lock: lock })
    }

    /// As [`Folder::open`], waiting for a holder that is about to end: a process that makes sockets for a supervisor, and
    /// has its files, outlives it for a moment.
    ///
    /// # Errors
    /// As [`Folder::open`]; [`FolderError::InUse`] after `patience`.
    pub(crate) fn open_in_time(parent: &Path, name: &str, patience: Duration) -> Result<Folder, FolderError> {
        let until = Instant::now() + patience;
        loop {
            match Folder::open(parent, name) {
                Err(FolderError::InUse { .. }) if Instant::now() < until => std::thread::sleep(LOOK),
                result => return result,
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether nothing is left of the process that has locked the file but threads that wait in the kernel.
fn holder_is_dead(lock: &File) -> bool {
    let Ok(inode) = lock.metadata().map(|attributes| attributes.ino()) else { return false };
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let holders = holders(&locks, inode);
    !holders.is_empty() && holders.iter().all(|holder| has_lost_its_first_thread(*holder))
}

/// Who has locked a file with that inode number on any device: file systems have others here than in their attributes.
fn holders(locks: &str, inode: u64) -> Vec<u32> {
    let holder = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _, _, pid, file) =
            (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
        let is_it = kind == "FLOCK" && file.rsplit(':').next()? == inode.to_string();
        is_it.then(|| pid.parse().unwrap_or(0))
    };
    locks.lines().filter_map(holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn names_are_plain_file_names() {
        for name in ["web", "a", "unshare-4711", "k8s:pod_1.x"] {
            assert!(valid_name(name), "{name}");
        }
        for name in ["", ".", "..", "-x", "a/b", "a b", "ü", "a\n", &"x".repeat(65)] {
            assert!(!valid_name(name), "{name:?}");
        }
    }

    #[test]
    fn holders_are_found_by_inode_number() {
        let locks = "1: POSIX  ADVISORY  READ 7 fe:00:5 0 EOF\n2: FLOCK  ADVISORY  WRITE 8 fe:00:5 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 9 fe:00:5 0 EOF\n3: FLOCK  ADVISORY  WRITE 10 fe:00:55 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE -1 00:1a:5 0 EOF\n5: FLOCK\n";
        assert_eq!(holders(locks, 5), [8, 0]);
        assert_eq!(holders(locks, 6), [0; 0]);
        let parent = tempfile::tempdir().unwrap();
        let held = Folder::open(parent.path(), "web").unwrap();
        let lock = File::open(held.path().join("lock")).unwrap();
        let inode = lock.metadata().unwrap().ino();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        assert!(holders(&locks, inode).contains(&std::process::id()));
        assert!(!holder_is_dead(&lock), "this process lives");
    }

    #[test]
    fn a_folder_is_private_and_has_one_holder() {
        let parent = tempfile::tempdir().unwrap();
        let held = Folder::open(parent.path(), "web").unwrap();
        assert_eq!(held.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(matches!(Folder::open(parent.path(), "web"), Err(FolderError::InUse { .. })));
        assert!(Folder::open(parent.path(), "db").is_ok());
        let short = Duration::from_millis(20);
        assert!(matches!(Folder::open_in_time(parent.path(), "web", short), Err(FolderError::InUse { .. })));
        let end = std::thread::spawn(move || {
            std::thread::sleep(short);
            drop(held);
        });
        assert!(Folder::open_in_time(parent.path(), "web", Duration::from_secs(10)).is_ok());
        end.join().unwrap();
    }
}
