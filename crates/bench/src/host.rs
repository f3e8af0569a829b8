//! The kernel's own audit, kept in a state for a while and then restored.
//!
//! The state is restored when `until` ends, so it is when whoever holds the other end dies. Signals to its process group
//! should not reach us: it gives us a group of our own.

use crate::client::Client;
use auditns_wire::header::{HEADER_LENGTH, Header};
use auditns_wire::message_type::{GET, SET};
use auditns_wire::payload::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::net::{RecvFlags, recv};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Everyone who changes the kernel's audit state on a machine takes this lock.
const LOCK: &str = "/run/lock/auditns-kernel-audit.lock";
/// What Debian's audit daemon sets.
const BACKLOG_LIMIT: u32 = 8192;
/// Records that were made arrive within this time.
const LAST_RECORDS: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Longer than any record.
const RECORD_LENGTH: usize = 16 * 1024;

/// What the kernel does with messages.
#[derive(Debug)]
pub enum Audit {
    /// It checks, acknowledges and drops them.
    Off,
    /// It makes records, which a registered daemon writes to this file.
    Written(PathBuf),
}

/// Keeps the kernel's audit in this state until there is something to read from `until`, or nothing any more. Calls
/// `ready` when the state is reached.
///
/// # Errors
/// Nothing is changed if something of somebody else's is at work: an audit daemon, a locked configuration.
pub fn hold(audit: &Audit, until: impl AsFd, ready: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let lock = File::create(LOCK)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let mut kernel = Client::open()?;
    let before = status(&mut kernel)?;
    if before.enabled > 1 {
        return Err(io::Error::other("the audit configuration is locked until the next boot"));
    }
    if before.pid != 0 {
        let text = format!("process {} is registered as audit daemon; stop it first", before.pid);
        return Err(io::Error::other(text));
    }
    let held = match audit {
        Audit::Off => set(&mut kernel, &Status { mask: Status::MASK_ENABLED, ..Status::default() })
            .and_then(|()| ready())
            .and_then(|()| Ok(poll(&mut [PollFd::new(&until, PollFlags::IN)], None).map(drop)?)),
        Audit::Written(path) => Daemon::register(path, &mut kernel).and_then(|mut daemon| {
            let written = ready().and_then(|()| daemon.write_until(&until));
            let restored = restore_settings(&mut kernel, &before);
            let finished = daemon.finish(&mut kernel);
            written.and(restored).and(finished)
        }),
    };
    let restored = restore_settings(&mut kernel, &before);
    drop(lock);
    held.and(restored)
}

/// Does for the kernel what an audit daemon does.
struct Daemon {
    client: Client,
    log: File,
    record: Vec<u8>,
}

impl Daemon {
    /// Registers, then enables auditing.
    fn register(path: &Path, kernel: &mut Client) -> io::Result<Daemon> {
        let log = File::create(path)?;
        let mut client = Client::open()?;
        let pid = std::process::id();
        client.say(SET, &Status { mask: Status::MASK_PID, pid, ..Status::default() }.encode())?;
        let mask = Status::MASK_ENABLED | Status::MASK_BACKLOG_LIMIT;
        set(kernel, &Status { mask, enabled: 1, backlog_limit: BACKLOG_LIMIT, ..Status::default() })?;
        Ok(Daemon { client, log, record: vec![0; RECORD_LENGTH] })
    }

    fn write_until(&mut self, until: &impl AsFd) -> io::Result<()> {
        loop {
            let mut waiting =
                [PollFd::new(self.client.socket(), PollFlags::IN), PollFd::new(until, PollFlags::IN)];
            poll(&mut waiting, None)?;
            let [records, end] = waiting.map(|one| !one.revents().is_empty());
            if records {
                self.write()?;
            } else if end {
                return Ok(());
            }
        }
    }

    /// Writes the record that waits.
    fn write(&mut self) -> io::Result<()> {
        let (length, _) = recv(self.client.socket(), &mut self.record[..], RecvFlags::DONTWAIT)?;
        let Some(header) = Header::decode(&self.record[..length]) else { return Ok(()) };
        let text = self.record.get(HEADER_LENGTH..length).unwrap_or_default();
        let mut line = format!("type={} msg=", header.message_type).into_bytes();
        line.extend_from_slice(text);
        line.push(b'\n');
        self.log.write_all(&line)
    }

    /// Takes the last records, so that the kernel does not print them, and unregisters.
    fn finish(mut self, kernel: &mut Client) -> io::Result<()> {
        let written = self.write_rest();
        let unregistered = set(kernel, &Status { mask: Status::MASK_PID, ..Status::default() });
        written.and(unregistered)
    }

    fn write_rest(&mut self) -> io::Result<()> {
        while poll(&mut [PollFd::new(self.client.socket(), PollFlags::IN)], Some(&LAST_RECORDS))? > 0 {
            self.write()?;
        }
        Ok(())
    }
}

fn status(kernel: &mut Client) -> io::Result<Status> {
    kernel.say(GET, &[])?;
    let reply = kernel.receive(RecvFlags::empty())?;
    if reply.message_type == GET {
        Ok(Status::decode(reply.payload))
    } else {
        Err(io::Error::other(format!("{reply:?} is not an audit status")))
    }
}

fn set(kernel: &mut Client, status: &Status) -> io::Result<()> {
    kernel.say(SET, &status.encode())
}

fn restore_settings(kernel: &mut Client, before: &Status) -> io::Result<()> {
    set(kernel, &Status { mask: Status::MASK_ENABLED | Status::MASK_BACKLOG_LIMIT, ..*before })
}
