//! Saying what is wrong where container managers look for it: on standard error, and in the runtime's log.

use crate::terminal::line;
use auditns_runtimes::invocation::{Invocation, LogFormat};
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// A line of the log in the form of runc and crun.
#[derive(Serialize)]
struct Entry<'a> {
    level: &'a str,
    msg: &'a str,
    time: String,
}

/// Where lines go.
#[derive(Debug)]
pub(super) struct Reporter {
    log: Option<(PathBuf, LogFormat)>,
}

impl Reporter {
    pub(super) fn new(invocation: &Invocation) -> Reporter {
        Reporter { log: invocation.log.clone().map(|path| (path, invocation.log_format)) }
    }

    /// The container is not started.
    pub(super) fn error(&self, error: &dyn Error) {
        self.say("error", &error.to_string());
    }

    /// The container is started.
    pub(super) fn warning(&self, text: &str) {
        self.say("warning", text);
    }

    fn say(&self, level: &str, text: &str) {
        line(text);
        let Some((path, format)) = &self.log else { return };
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK;
        // What cannot be written there stands on standard error.
        let Ok(file) = rustix::fs::open(path, flags, Mode::from_raw_mode(0o644)) else { return };
        let msg = format!("auditns: {text}");
        let text = match format {
            LogFormat::Json => serde_json::to_string(&Entry { level, msg: &msg, time: time() }).ok(),
            LogFormat::Text => Some(format!("time={} level={level} msg={msg:?}", time())),
        };
        if let Some(text) = text {
            let _ = File::from(file).write_all(format!("{text}\n").as_bytes());
        }
    }
}

/// Now, as RFC 3339 has it.
fn time() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    auditns_control::view::date(seconds).replacen(' ', "T", 1).replace(" UTC", "Z")
}
