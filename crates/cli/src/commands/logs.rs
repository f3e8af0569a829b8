//! `auditns logs` and `events`.

use super::client::{Failure, find, which};
use super::search::{printing, unreadable};
use crate::options::{Events, LogOptions, Logs, View};
use crate::records::Tail;
use auditns_policy::Pattern;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

/// Where logs are if no supervisor says otherwise.
const LOG_FOLDER: &str = "/var/log/auditns";
/// How often followed logs are looked at.
const INTERVAL: Duration = Duration::from_millis(200);

pub(crate) fn logs(logs: &Logs) -> ExitCode {
    printing(&logs.options, &[], |printer| {
        let (name, folder) = folder_of(logs)?;
        let file = match logs.view {
            View::Host => "audit.log",
            View::Namespace => "namespace.log",
        };
        let path = folder.join(file);
        readable(&path)?;
        let mut tail = Tail::new(&path);
        loop {
            printer.print_new(&mut tail, &path, &name)?;
            if !logs.options.follow {
                return Ok(());
            }
            sleep(INTERVAL);
        }
    })
}

pub(crate) fn events(events: &Events) -> ExitCode {
    printing(&events.options, &events.types, |printer| {
        let folder = log_folder(&events.options)?;
        let mut tails = BTreeMap::<String, Tail>::new();
        loop {
            for name in names(&folder)?.into_iter().filter(|name| wanted(&events.ns, name)) {
                let path = folder.join(&name).join("audit.log");
                let tail = tails.entry(name.clone()).or_insert_with(|| Tail::new(&path));
                printer.print_new(tail, &path, &name)?;
                if !events.options.follow {
                    // There may be more logs than files that can be open.
                    tails.clear();
                }
            }
            if !events.options.follow {
                return Ok(());
            }
            sleep(INTERVAL);
        }
    })
}

fn folder_of(logs: &Logs) -> Result<(String, PathBuf), Failure> {
    if logs.options.log_dir.is_none()
        && let Some(mut client) = find(&logs.options.supervisor)?
        && let Ok(info) = client.show(which(&logs.namespace))
    {
        return Ok((info.name, PathBuf::from(info.log_folder)));
    }
    let folder = log_folder(&logs.options)?;
    let own = folder.join(&logs.namespace);
    if own.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        let (name, folder) = (logs.namespace.clone(), folder.display().to_string());
        return Err(Failure::NoLog { name, folder });
    }
    Ok((logs.namespace.clone(), own))
}

fn log_folder(logs: &LogOptions) -> Result<PathBuf, Failure> {
    if let Some(folder) = &logs.log_dir {
        return Ok(folder.clone());
    }
    Ok(match find(&logs.supervisor)? {
        Some(mut client) => PathBuf::from(client.supervisor()?.log_folder),
        None => PathBuf::from(LOG_FOLDER),
    })
}

/// The namespaces that have a log.
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let names = entries.flatten().filter(|entry| entry.path().join("audit.log").exists());
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

fn readable(path: &Path) -> Result<(), Failure> {
    std::fs::File::open(path).map(|_| ()).map_err(|error| unreadable(path, error))
}

/// Whether a name is among those asked for.
fn wanted(patterns: &[String], name: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| Pattern::new(pattern).matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name) in
            [("web", "web"), ("*", ""), ("w*b", "web"), ("*:web-*", "1000:web-1"), ("a*b*c", "abc")]
        {
            assert!(wanted(&[pattern.to_owned()], name), "{pattern} {name}");
        }
        for (pattern, name) in [("web", "web1"), ("", "a"), ("w*b", "we"), ("a*b*c", "acb"), ("ab*b", "ab")] {
            assert!(!wanted(&[pattern.to_owned()], name), "{pattern} {name}");
        }
    }
}
