//! The files as they are installed, below a folder that stands for `/`.

use super::copyright;
use super::project::Project;
use super::{read, tool, unusable, write};
use crate::command::{self, Failure};
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the program lies.
pub(crate) const PROGRAM: &str = "usr/bin/auditns";
/// Names under which it is an OCI runtime, in the same folder.
pub(crate) const RUNTIMES: [&str; 2] = ["usr/bin/auditns-crun", "usr/bin/auditns-runc"];
/// Where administrators change the policy.
pub(crate) const POLICY: &str = "etc/auditns/auditns.toml";
const DOCUMENTS: &str = "usr/share/doc/auditns";
const PAGES: &str = "usr/share/man/man8";
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/auditns"),
    ("zsh", "usr/share/zsh/vendor-completions/_auditns"),
    ("fish", "usr/share/fish/vendor_completions.d/auditns.fish"),
];
/// Files of the repository, and where they are installed.
const COPIES: [(&str, &str); 8] = [
    ("packaging/auditns.service", "lib/systemd/system/auditns.service"),
    ("packaging/auditns.openrc", "usr/share/doc/auditns/examples/auditns.openrc"),
    ("crates/policy/src/example.toml", "usr/share/doc/auditns/examples/auditns.toml"),
    ("crates/policy/src/example.toml", POLICY),
    ("include/auditns.h", "usr/include/auditns.h"),
    ("examples/create-namespace.c", "usr/share/doc/auditns/examples/create-namespace.c"),
    ("packaging/debian/lintian-overrides", "usr/share/lintian/overrides/auditns"),
    ("README.md", "usr/share/doc/auditns/README.md"),
];

/// Longest line of a changelog.
const COLUMNS: usize = 80;

/// Makes the tree anew.
pub(crate) fn stage(project: &Project, program: &Path, tree: &Path) -> Result<(), Failure> {
    if tree.exists() {
        fs::remove_dir_all(tree).map_err(|error| unusable(tree, &error))?;
    }
    let folder =
        |path: PathBuf| fs::create_dir_all(&path).map_err(|error| unusable(&path, &error)).map(|()| path);
    install(&read(program)?, tree, PROGRAM)?;
    // As Debian strips programs.
    let strip =
        ["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", PROGRAM].map(OsStr::new);
    tool("strip", &strip, tree, project)?;
    for link in RUNTIMES {
        let link = tree.join(link);
        symlink("auditns", &link).map_err(|error| unusable(&link, &error))?;
    }
    for (from, to) in COPIES {
        install(&read(&command::root().join(from))?, tree, to)?;
    }
    for document in documents()? {
        let below = document.strip_prefix(command::root()).unwrap_or(&document);
        install(&read(&document)?, tree, &format!("{DOCUMENTS}/{}", below.display()))?;
    }
    let pages = folder(tree.join(PAGES))?;
    command::output(program, &["man", "--dir", &pages.to_string_lossy()])?;
    for page in files(&pages)? {
        let text = read(&page)?;
        fs::remove_file(&page).map_err(|error| unusable(&page, &error))?;
        install(&compressed(&text)?, tree, &format!("{PAGES}/{}.gz", name(&page)))?;
    }
    for (shell, path) in COMPLETIONS {
        install(&command::output(program, &["completions", shell])?, tree, path)?;
    }
    install(copyright::text(project)?.as_bytes(), tree, &format!("{DOCUMENTS}/copyright"))?;
    install(&compressed(changelog(project)?.as_bytes())?, tree, &format!("{DOCUMENTS}/changelog.gz"))?;
    permit(tree)
}

/// All files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(|error| unusable(folder, &error))? {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn documents() -> Result<Vec<PathBuf>, Failure> {
    let mut documents = files(&command::root().join("docs"))?;
    documents.retain(|path| path.extension() == Some(OsStr::new("md")));
    Ok(documents)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn install(bytes: &[u8], tree: &Path, to: &str) -> Result<(), Failure> {
    let path = tree.join(to);
    let folder = path.parent().unwrap_or(tree);
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    write(&path, bytes)
}

/// Modes do not depend on who packages.
fn permit(folder: &Path) -> Result<(), Failure> {
    let set = |path: &Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| unusable(path, &error))
    };
    set(folder, 0o755)?;
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in entries.map_err(|error| unusable(folder, &error))? {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            permit(&path)?;
        } else {
            set(&path, if path.ends_with(PROGRAM) { 0o755 } else { 0o644 })?;
        }
    }
    Ok(())
}

/// As gzip does it for Debian: without time and name.
pub(crate) fn compressed(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::new(format!("gzip could not compress ({error}); is it installed?"));
    let mut gzip = Command::new("gzip");
    let mut gzip = gzip.arg("-9n").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let input = gzip.stdin.take();
    let (written, output) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.map_or(Ok(()), |mut input| input.write_all(text)));
        let output = gzip.wait_with_output();
        (writer.join(), output)
    });
    let output = output.map_err(failed)?;
    match written {
        Ok(Ok(())) if output.status.success() => Ok(output.stdout),
        _ => Err(Failure::new(format!("gzip ended with {}", output.status))),
    }
}

/// The newest section of the changelog, in Debian's form.
fn changelog(project: &Project) -> Result<String, Failure> {
    let text = read(&command::root().join("CHANGELOG.md"))?;
    let text = String::from_utf8_lossy(&text);
    let section = text.split("\n## ").nth(1).unwrap_or_default();
    let mut entries = String::new();
    for entry in section.split("\n- ").skip(1) {
        let mut column = 0;
        for word in entry.replace('`', "").split_whitespace() {
            let separator = match column {
                0 => "  * ",
                _ if column + 1 + word.len() > COLUMNS => "\n    ",
                _ => " ",
            };
            column = if separator.len() == 1 { column + 1 } else { 4 } + word.len();
            entries.extend([separator, word]);
        }
        entries.push('\n');
    }
    let Project { name, version, maintainer, .. } = project;
    Ok(format!(
        "{name} ({version}) unstable; urgency=medium\n\n{entries}\n -- {maintainer}  {}\n",
        project.date()?
    ))
}
