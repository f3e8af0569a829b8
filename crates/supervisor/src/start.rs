//! Who begins a namespace, and with what: the fields of its START record.

use auditns_sys::identity::LoginuidFile;
use auditns_wire::record::Ids;
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
    /// What became of its login user id.
    pub(crate) loginuid: &'a str,
    pub(crate) no_new_privileges: bool,
    pub(crate) command: &'a [OsString],
}

/// The ids of a process that asks for a namespace.
pub(crate) fn starter(pid: u32, uid: u32) -> Ids {
    let login = LoginuidFile::open(pid).and_then(|file| file.read());
    let (auid, ses) = login.map_or((Ids::UNSET, Ids::UNSET), |login| (login.uid, login.session));
    Ids { pid, uid, auid, ses }
}

/// The fields of the START record that tell of the first member.
pub(crate) fn fields(first: &First<'_>) -> Vec<(Cow<'static, str>, String)> {
    let words: Vec<&[u8]> = first.command.iter().map(|word| word.as_bytes()).collect();
    let words = words.join(&b' ');
    let shown = String::from_utf8_lossy(&words[..words.len().min(COMMAND_SHOWN)]).into_owned();
    let pid = first.pid;
    let mut fields = vec![
        ("runtime", first.runtime.to_owned()),
        ("vm-pid", pid.to_string()),
        ("loginuid", first.loginuid.to_owned()),
        ("no-new-privs", u8::from(first.no_new_privileges).to_string()),
    ];
    for (field, file) in [("user-ns", "user"), ("pid-ns", "pid"), ("mnt-ns", "mnt"), ("net-ns", "net")] {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{file}")).unwrap_or_default();
        let text = link.to_string_lossy();
        let inode = text.split(['[', ']']).nth(1).unwrap_or("?");
        fields.push((field, inode.to_owned()));
    }
    fields.push(("cmd", shown));
    fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect()
}

/// The program's file name, without what a name may not contain, and the process id.
pub(crate) fn default_name(program: &OsStr, pid: u32) -> String {
    let base = program.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let plain: String =
        base.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_alphanumeric).take(32).collect();
    let plain = if plain.is_empty() { "run".to_owned() } else { plain };
    format!("{plain}-{pid}")
}
