//! Which files are read, and whose.

use auditns_policy::{Forward, OnMissing, Policy, PolicyError, Who, bounds};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Any user that is neither root nor the one who runs tests.
const SOMEBODY: u32 = 54_321;

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn load(&self) -> Result<Policy, PolicyError> {
        Policy::load(&self.path("auditns.toml"))
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn without_files_the_defaults_hold() {
    assert_eq!(Folder::new().load().unwrap(), Policy::default());
    assert_eq!(Policy::load(Path::new("/nonexistent/folder/auditns.toml")).unwrap(), Policy::default());
}

#[test]
fn drop_ins_come_after_the_file_in_the_order_of_their_names() {
    let folder = Folder::new();
    folder.write(
        "auditns.toml",
        "[limits]\nnamespaces = 1\nnamespaces-per-user = 1\n[[namespace]]\nsockets = 5",
    );
    folder.write("auditns.d/20.toml", "[limits]\nnamespaces = 20\n[[namespace]]\nrules = 3\nsockets = 7");
    folder.write("auditns.d/10.toml", "[limits]\nnamespaces = 10\n[[namespace]]\nrules = 4\nlog-files = 9");
    folder.write("auditns.d/30.toml.bak", "not TOML");
    folder.write("auditns.d/.40.toml", "not TOML");
    let policy = folder.load().unwrap();
    assert_eq!((policy.limits().namespaces, policy.limits().namespaces_per_user), (20, 1));
    let settings = policy.settings_for(&Who { runtime: "x", uid: 0, user: None, name: "y" }).unwrap();
    assert_eq!((settings.sockets, settings.rules, settings.log_files), (7, 3, 9));
}

#[test]
fn drop_ins_need_no_main_file() {
    let folder = Folder::new();
    folder.write(
        "auditns.d/a.toml",
        "[supervisor]\nlog-folder = '/logs'\nforward = 'kernel'\n[runtime]\non-missing = 'skip'",
    );
    let policy = folder.load().unwrap();
    assert_eq!(policy.log_folder(), Path::new("/logs"));
    assert_eq!((policy.forward(), policy.on_missing()), (Forward::Kernel, OnMissing::Skip));
}

#[test]
fn errors_name_the_drop_in() {
    let folder = Folder::new();
    let path = folder.write("auditns.d/a.toml", "\nx = 1");
    let message = folder.load().unwrap_err().to_string();
    assert!(message.starts_with(&format!("{path:?}, line 2: ")), "{message}");
}

#[test]
fn files_that_everybody_can_write_are_refused() {
    for (file, writable) in [
        ("auditns.toml", "auditns.toml"),
        ("auditns.toml", "."),
        ("auditns.d/a.toml", "auditns.d/a.toml"),
        ("auditns.d/a.toml", "auditns.d"),
    ] {
        let folder = Folder::new();
        folder.write(file, "");
        assert!(folder.load().is_ok());
        let writable = folder.path(writable);
        mode(&writable, 0o707);
        let error = folder.load().unwrap_err();
        assert!(matches!(error, PolicyError::WorldWritable { mode: 0o707, .. }), "{error}");
        assert!(error.to_string().contains("chmod o-w"), "{error}");
        mode(&writable, 0o1707);
        assert!(
            matches!(folder.load(), Err(PolicyError::WorldWritable { .. })),
            "a sticky bit changes nothing"
        );
    }
}

#[test]
fn files_of_somebody_else_are_refused() {
    if !is_root() {
        return;
    }
    for foreign in ["auditns.toml", ".", "auditns.d/a.toml", "auditns.d"] {
        let folder = Folder::new();
        folder.write("auditns.toml", "");
        folder.write("auditns.d/a.toml", "");
        chown(folder.path(foreign), Some(SOMEBODY), None).unwrap();
        let error = folder.load().unwrap_err();
        assert!(matches!(error, PolicyError::ForeignOwner { owner: SOMEBODY, .. }), "{foreign}: {error}");
    }
}

#[test]
fn links_are_followed_to_files_that_are_as_safe() {
    let (folder, other) = (Folder::new(), Folder::new());
    let target = other.write("real.toml", "[limits]\nnamespaces = 3");
    symlink(&target, folder.path("absolute")).unwrap();
    symlink("absolute", folder.path("auditns.toml")).unwrap();
    assert_eq!(folder.load().unwrap().limits().namespaces, 3);
    mode(&target, 0o646);
    assert!(matches!(folder.load(), Err(PolicyError::WorldWritable { .. })));
    mode(&target, 0o644);
    mode(other.0.path(), 0o777);
    assert!(matches!(folder.load(), Err(PolicyError::WorldWritable { .. })));
    mode(other.0.path(), 0o700);
    assert!(folder.load().is_ok());
    fs::remove_file(&target).unwrap();
    assert!(matches!(folder.load(), Err(PolicyError::Dangling { path }) if path == target));
}

#[test]
fn links_in_a_circle_are_refused() {
    let folder = Folder::new();
    symlink("auditns.toml", folder.path("auditns.toml")).unwrap();
    assert!(matches!(folder.load(), Err(PolicyError::TooManyLinks { .. })));
}

#[test]
fn only_regular_files_are_read() {
    let folder = Folder::new();
    fs::create_dir(folder.path("auditns.toml")).unwrap();
    assert!(matches!(folder.load(), Err(PolicyError::NotRegular { .. })));
    fs::remove_dir(folder.path("auditns.toml")).unwrap();
    let fifo = folder.path("auditns.toml");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    assert!(matches!(folder.load(), Err(PolicyError::NotRegular { .. })));
    fs::remove_file(&fifo).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&fifo).unwrap();
    assert!(matches!(folder.load(), Err(PolicyError::NotRegular { .. })));
}

#[test]
fn long_files_are_refused() {
    let folder = Folder::new();
    let longest = usize::try_from(bounds::FILE_BYTES).unwrap();
    folder.write("auditns.toml", "#".repeat(longest));
    assert!(folder.load().is_ok());
    folder.write("auditns.toml", "#".repeat(longest + 1));
    assert!(matches!(folder.load(), Err(PolicyError::TooLong { .. })));
}

#[test]
fn many_drop_ins_are_refused() {
    let folder = Folder::new();
    for number in 0..bounds::DROP_INS {
        folder.write(&format!("auditns.d/{number}.toml"), "");
    }
    folder.write("auditns.d/README", "");
    assert!(folder.load().is_ok());
    folder.write("auditns.d/more.toml", "");
    assert!(matches!(folder.load(), Err(PolicyError::TooManyDropIns { .. })));
}

#[test]
fn rules_are_counted_over_all_files() {
    let folder = Folder::new();
    folder.write("auditns.toml", "[[namespace]]\n".repeat(bounds::NAMESPACE_RULES));
    assert!(folder.load().is_ok());
    folder.write("auditns.d/a.toml", "[[namespace]]\n");
    assert!(matches!(folder.load(), Err(PolicyError::TooManyRules { line: 1, .. })));
}
