//! A keeper and its server, for the tests: the server does what it is told at a socket, and nothing else.
//!
//! `kept keeper FOLDER` is the keeper of `kept server FOLDER`. Each server connects to `FOLDER/orders`, says who it is and
//! what it inherited, and answers orders line by line.

use auditns_keeper::{FdStore, KeepOptions, StoreError, inherited, keep, without_variables};
use auditns_sys::signals::SignalFd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [role, folder] = arguments.as_slice() else { return Ok(ExitCode::from(2)) };
    let folder = PathBuf::from(folder);
    match role.to_str() {
        Some("keeper") => {
            let options = KeepOptions {
                // A link, which the tests point to another program.
                program: folder.join("program"),
                server_arguments: vec!["server".into(), folder.clone().into()],
                keeper_arguments: arguments.clone(),
                run_folder: folder,
            };
            let code = keep(&options)?;
            Ok(ExitCode::from(u8::try_from(code)?))
        }
        Some("server") => serve(&folder),
        // Somebody else who knows the keeper's address.
        Some("stranger") => {
            let store = FdStore::from_environment()?;
            store.keep("stranger", &[std::io::stderr().as_fd()])?;
            store.confirm(PATIENCE)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(ExitCode::from(2)),
    }
}

fn serve(folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let signals = [Signal::USR2, Signal::HUP].map(Signal::as_raw);
    let signals = SignalFd::block(&signals)?;
    let store = FdStore::from_environment()?;
    let (mut names, mut kept) = (Vec::new(), HashMap::new());
    for (name, fd) in inherited() {
        names.push(name.clone());
        kept.insert(name, fd);
    }
    let orders = UnixStream::connect(folder.join("orders"))?;
    let mut answers = orders.try_clone()?;
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let restarts = std::env::var("AUDITNS_RESTARTS")?;
    writeln!(answers, "{} {parent} {restarts} {}", std::process::id(), names.join(","))?;
    let mut orders = BufReader::new(orders);
    loop {
        let mut events = [PollFd::new(orders.get_ref(), PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        poll(&mut events, None)?;
        let asked = !events[0].revents().is_empty();
        match signals.read()?.map(|signal| Signal::from_named_raw(signal.number)) {
            Some(Some(Signal::USR2)) => {
                patient(|| store.stopping())?;
                return Ok(ExitCode::SUCCESS);
            }
            Some(_) => writeln!(answers, "reload")?,
            None => {}
        }
        if !asked {
            continue;
        }
        let mut line = String::new();
        if orders.read_line(&mut line)? == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["exit", code] = words.as_slice() {
            return Ok(ExitCode::from(code.parse::<u8>()?));
        }
        let answer = obey(&words, &store, &mut kept, folder)?;
        writeln!(answers, "{answer}")?;
    }
}

/// Says it again to a keeper that did not get to read for a while.
fn patient(say: impl Fn() -> Result<(), StoreError>) -> Result<(), StoreError> {
    let until = Instant::now() + PATIENCE;
    loop {
        match say() {
            Err(StoreError::Stalled(_)) if Instant::now() < until => {}
            said => return said,
        }
    }
}

fn obey(
    words: &[&str],
    store: &FdStore,
    kept: &mut HashMap<String, OwnedFd>,
    folder: &Path,
) -> Result<String, Box<dyn Error>> {
    match words {
        // A pipe whose other end is closed, with a text in it. Not confirmed.
        ["pipe", name, text] => {
            let (reader, mut writer) = pipe()?;
            writer.write_all(text.as_bytes())?;
            drop(writer);
            patient(|| store.keep(name, &[reader.as_fd()]))?;
        }
        ["listen", name] => {
            let listener = UnixListener::bind(folder.join(name))?;
            patient(|| store.keep(name, &[listener.as_fd()]))?;
        }
        ["many", count, name] => {
            for number in 0..count.parse::<usize>()? {
                let (name, file) =
                    (name.replace('%', &number.to_string()), std::fs::File::open("/dev/null")?);
                patient(|| store.keep(&name, &[file.as_fd()]))?;
            }
        }
        ["forget", name] => patient(|| store.forget(name))?,
        ["ready", status] => patient(|| store.ready(status))?,
        ["block", "SIGTERM"] => drop(SignalFd::block(&[Signal::TERM.as_raw()])?),
        ["confirm"] => patient(|| store.confirm(PATIENCE))?,
        ["byte", name] => {
            let fd = kept.get(*name).ok_or("not inherited")?;
            let mut byte = [0];
            std::fs::File::from(fd.try_clone()?).read_exact(&mut byte)?;
            return Ok(byte.iter().map(|byte| char::from(*byte)).collect());
        }
        ["accept", name] => {
            let listener = UnixListener::from(kept.get(*name).ok_or("not inherited")?.try_clone()?);
            let mut text = String::new();
            listener.accept()?.0.read_to_string(&mut text)?;
            return Ok(text);
        }
        ["stranger"] => {
            let status = Command::new(folder.join("program")).args(["stranger", "."]).status()?;
            return Ok(format!("{status}"));
        }
        ["variables"] => {
            let output = without_variables(&mut Command::new("/usr/bin/env")).output()?;
            let text = String::from_utf8(output.stdout)?;
            let ours = ["LISTEN_", "NOTIFY_", "FDSTORE", "AUDITNS_"];
            return Ok(text.lines().filter(|line| ours.iter().any(|own| line.starts_with(own))).collect());
        }
        _ => return Err("unknown order".into()),
    }
    Ok("done".to_owned())
}
