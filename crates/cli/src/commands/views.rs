//! `auditns list`, `show` and `set`.

use super::client::{Failure, connect, exit_code, which};
use crate::options::{List, Set, Show};
use auditns_control::interface::{SetRequest, Which};
use auditns_control::view;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn list(list: &List) -> ExitCode {
    exit_code((|| {
        let namespaces = connect(&list.supervisor)?.list()?;
        if list.json { print(&json(&namespaces)) } else { print(&view::table(&namespaces, now())) }
    })())
}

pub(crate) fn show(show: &Show) -> ExitCode {
    exit_code((|| {
        let asked = show.pid.map_or_else(|| which(show.namespace.as_deref().unwrap_or("")), Which::Pid);
        let namespace = connect(&show.supervisor)?.show(asked)?;
        if show.json { print(&json(&namespace)) } else { print(&view::details(&namespace)) }
    })())
}

pub(crate) fn set(set: &Set) -> ExitCode {
    exit_code((|| {
        let Set { namespace, key, value, supervisor } = set;
        let request = SetRequest { name: namespace.clone(), key: key.clone(), value: value.clone() };
        let reply = connect(supervisor)?.set(&request)?;
        print(&format!("{key}: {} (was {})\n", reply.after, reply.before))
    })())
}

fn json(value: &impl serde::Serialize) -> String {
    // Strings and numbers always become JSON.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(Failure::Write)
}
