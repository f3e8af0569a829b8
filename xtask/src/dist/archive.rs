//! The archives.

use super::control::{Control, SCRIPTS};
use super::project::Project;
use super::{progress, tool, unusable};
use crate::command::Failure;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// `auditns_VERSION_ARCHITECTURE.deb`.
pub(crate) fn deb(
    project: &Project,
    control: &Control,
    tree: &Path,
    output: &Path,
) -> Result<PathBuf, Failure> {
    let path = output.join(format!("{}.deb", project.stem('_')));
    progress(&path.to_string_lossy());
    let folder = tree.join("DEBIAN");
    fs::create_dir(&folder).map_err(|error| unusable(&folder, &error))?;
    control.write(&folder)?;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| unusable(path, &error))
    };
    set(&folder, 0o755)?;
    for file in super::tree::files(&folder)? {
        let is_script = SCRIPTS.iter().any(|script| file.ends_with(script));
        set(&file, if is_script { 0o755 } else { 0o644 })?;
    }
    // Blocks of several threads would be other bytes on another machine.
    let options = ["--root-owner-group", "-Zxz", "--threads-max=1", "--build"].map(OsStr::new);
    let arguments = [&options[..], &[tree.as_os_str(), path.as_os_str()]].concat();
    let built = tool("dpkg-deb", &arguments, output, project);
    fs::remove_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
    built.map(|()| path)
}

/// `auditns-VERSION-ARCHITECTURE.tar.gz`, with everything in a folder of that name.
pub(crate) fn tarball(project: &Project, tree: &Path, output: &Path) -> Result<PathBuf, Failure> {
    let stem = project.stem('-');
    let path = output.join(format!("{stem}.tar.gz"));
    progress(&path.to_string_lossy());
    let time = format!("--mtime=@{}", project.epoch);
    let renamed = format!("--transform=s,^\\.,{stem},");
    let mut arguments: Vec<OsString> = [
        "--create",
        "--sort=name",
        "--format=ustar",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        &time,
        &renamed,
        "--use-compress-program=gzip -9n",
        "--file",
    ]
    .map(OsString::from)
    .into();
    arguments.extend([
        path.as_os_str().to_owned(),
        "--directory".into(),
        tree.as_os_str().to_owned(),
        ".".into(),
    ]);
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    tool("tar", &arguments, output, project).map(|()| path)
}
