//! Who begins a namespace, and with what: the fields of its START record.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// How much of the command line stands in the START record, in bytes.
const COMMAND_SHOWN: usize = 160;

/// The first member of a namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First<'a> {
    /// What started it.
    pub(crate) runtime: &'a str,
    pub(crate) pid: u32,
    /// It is a container's runtime, which will make the first process and end.
    pub(crate) is_runtime: bool,
    /// What became of its login user id.
    pub(crate) loginuid: &'a str,
    pub(crate) no_new_privileges: bool,
    pub(crate) command: &'a [OsString],
}

/// The fields of the START record that tell of the first member.
pub(crate) fn fields(first: &First<'_>) -> Vec<(Cow<'static, str>, String)> {
    let words: Vec<&[u8]> = first.command.iter().map(|word| word.as_bytes()).collect();
    let words = words.join(&b' ');
    let shown = String::from_utf8_lossy(&words[..words.len().min(COMMAND_SHOWN)]).into_owned();
    let mut fields = vec![
        (Cow::Borrowed("runtime"), first.runtime.to_owned()),
        ("loginuid".into(), first.loginuid.to_owned()),
        ("no-new-privs".into(), u8::from(first.no_new_privileges).to_string()),
    ];
    if !first.is_runtime {
        fields.extend(process(first.pid));
    }
    if !first.command.is_empty() {
        fields.push(("cmd".into(), shown));
    }
    fields
}

/// The fields that tell which process it is, and in which namespaces.
pub(crate) fn process(pid: u32) -> Vec<(Cow<'static, str>, String)> {
    let mut fields = vec![("vm-pid".into(), pid.to_string())];
    for (field, file) in [("user-ns", "user"), ("pid-ns", "pid"), ("mnt-ns", "mnt"), ("net-ns", "net")] {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{file}")).unwrap_or_default();
        let text = link.to_string_lossy();
        let inode = text.split(['[', ']']).nth(1).unwrap_or("?");
        fields.push((Cow::Borrowed(field), inode.to_owned()));
    }
    fields
}

/// The program's file name, without what a name may not contain, and the process id.
pub(crate) fn default_name(program: &OsStr, pid: u32) -> String {
    let base = program.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let plain: String =
        base.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_alphanumeric).take(32).collect();
    let plain = if plain.is_empty() { "run".to_owned() } else { plain };
    format!("{plain}-{pid}")
}
