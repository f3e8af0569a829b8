//! What the package manager is told: dependencies, sizes, checksums.

use super::project::Project;
use super::tree::{POLICY, PROGRAM, files};
use super::{read, tool, unusable, write};
use crate::command::{self, Failure, output};
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Scripts of the package, in `packaging/debian`.
pub(crate) const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
const DESCRIPTION: &str = " \
The Linux audit system has no namespaces: in a container auditd cannot run,
 logins break on pam_loginuid, and records of login, su and sudo vanish or land
 in the host's log.
 .
 auditns gives a command and everything below it an audit subsystem of its own,
 and keeps its records in a log of the host. It works on stock kernels, by
 seccomp notifications.
";

/// The files of the control archive.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) fields: String,
    pub(crate) checksums: String,
    pub(crate) configuration: String,
}

impl Control {
    pub(crate) fn of(project: &Project, tree: &Path) -> Result<Control, Failure> {
        let mut files = files(tree)?;
        files.retain(|file| !file.is_symlink());
        let (mut kibibytes, mut checksums) = (0, String::new());
        for file in &files {
            let size = fs::metadata(file).map_err(|error| unusable(file, &error))?.len();
            kibibytes += size.div_ceil(1024);
            let path = file.strip_prefix(tree).unwrap_or(file).to_string_lossy();
            if path != POLICY {
                let sum = output("md5sum", &["--", &file.to_string_lossy()])?;
                let sum = String::from_utf8_lossy(&sum);
                let _ = writeln!(checksums, "{}  {path}", sum.split(' ').next().unwrap_or_default());
            }
        }
        let Project { name, version, architecture, maintainer, description, .. } = project;
        let homepage =
            project.homepage.as_ref().map(|page| format!("Homepage: {page}\n")).unwrap_or_default();
        let summary = description.trim_start_matches(|first: char| !first.is_alphanumeric());
        let fields = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: {maintainer}\n\
             Installed-Size: {kibibytes}\nDepends: {}\nSuggests: auditd\nSection: admin\nPriority: optional\n\
             {homepage}Description: {}\n{DESCRIPTION}",
            dependencies(project, tree)?,
            uncapitalised(summary),
        );
        Ok(Control { fields, checksums, configuration: format!("/{POLICY}\n") })
    }

    /// Writes them into a folder, with the scripts.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        write(&folder.join("control"), &self.fields)?;
        write(&folder.join("md5sums"), &self.checksums)?;
        write(&folder.join("conffiles"), &self.configuration)?;
        for script in SCRIPTS {
            write(&folder.join(script), read(&command::root().join("packaging/debian").join(script))?)?;
        }
        Ok(())
    }
}

/// A synopsis is no sentence.
fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// The libraries that the program is linked with, and from which version on they have what it uses.
fn dependencies(project: &Project, tree: &Path) -> Result<String, Failure> {
    let folder = tree.with_extension("dependencies");
    let debian = folder.join("debian");
    fs::create_dir_all(&debian).map_err(|error| unusable(&debian, &error))?;
    write(
        &debian.join("control"),
        format!("Source: {0}\n\nPackage: {0}\nArchitecture: any\n", project.name),
    )?;
    // Where the tool expects what it looks at.
    let built = debian.join(project.name);
    std::os::unix::fs::symlink(tree, &built).map_err(|error| unusable(&built, &error))?;
    let program = Path::new("debian").join(project.name).join(PROGRAM);
    let list = folder.join("substvars");
    let into = format!("-T{}", list.display());
    tool("dpkg-shlibdeps", &[OsStr::new(&into), OsStr::new("-e"), program.as_os_str()], &folder, project)?;
    let text = read(&list)?;
    fs::remove_dir_all(&folder).map_err(|error| unusable(&folder, &error))?;
    let text = String::from_utf8_lossy(&text);
    let depends = text.lines().find_map(|line| line.strip_prefix("shlibs:Depends="));
    depends.map(ToOwned::to_owned).ok_or_else(|| {
        Failure::new(format!("dpkg-shlibdeps finds no library that the program needs: {text:?}"))
    })
}
