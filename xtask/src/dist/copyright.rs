//! Who owns what is in the program, in Debian's machine-readable form.

use super::project::Project;
use super::read;
use crate::command::{self, Failure};
use std::collections::BTreeSet;
use std::fmt::Write;

pub(crate) fn text(project: &Project) -> Result<String, Failure> {
    let licence = read(&command::root().join("LICENSE-MIT"))?;
    let licence = String::from_utf8_lossy(&licence);
    let owner = licence.lines().find_map(|line| line.strip_prefix("Copyright (c) ")).unwrap_or_default();
    let permission = licence.split_once("\n\n").and_then(|(_, rest)| rest.split_once("\n\n"));
    let permission = permission.map_or("", |(_, permission)| permission);
    let mut text = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\
         Upstream-Name: {}\n\
         Comment:\n \
         These libraries are part of the program, under the licences that stand behind them:\n",
        project.name
    );
    for library in libraries(project)? {
        let _ = writeln!(text, "  {library}");
    }
    let _ = write!(
        text,
        "\nFiles: *\nCopyright: {owner}\nLicense: MIT or Apache-2.0\n\n\
         License: MIT\n{}\n\
         License: Apache-2.0\n On Debian systems the text of the Apache License, version 2.0, stands in\n \
         /usr/share/common-licenses/Apache-2.0.\n",
        indented(permission)
    );
    Ok(text)
}

/// A paragraph's form in control files: every line indented, empty ones with a full stop.
fn indented(text: &str) -> String {
    let mut indented = String::new();
    for line in text.trim().lines() {
        let _ = writeln!(indented, " {}", if line.is_empty() { "." } else { line });
    }
    indented
}

/// Names, versions and licences of what is linked into the program.
fn libraries(project: &Project) -> Result<BTreeSet<String>, Failure> {
    let arguments =
        ["tree", "--package", project.name, "--edges", "normal", "--prefix", "none", "--format", "{p}\t{l}"];
    let tree = command::output(env!("CARGO"), &arguments)?;
    let tree = String::from_utf8_lossy(&tree);
    Ok(tree
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'))
        // Those with a path are this workspace's own, or run while it is compiled.
        .filter(|(package, _)| !package.contains('('))
        .map(|(package, licence)| format!("{package}: {licence}"))
        .collect())
}
