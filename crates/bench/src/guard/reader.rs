//! The least that an audit daemon can do: register, and write each record to a file.

use super::Until;
use crate::client::Client;
use auditns_wire::header::{HEADER_LENGTH, Header};
use auditns_wire::message_type::SET;
use auditns_wire::payload::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Records that were made arrive within this time.
const LAST_RECORDS: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Longer than any record.
const RECORD_LENGTH: usize = 16 * 1024;

/// Registers, enables auditing, calls `ready`, and writes records until `until` comes.
///
/// # Errors
/// What failed.
pub fn read(log: &Path, until: &Until, ready: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let mut reader =
        Reader { client: Client::open()?, log: File::create(log)?, record: vec![0; RECORD_LENGTH] };
    let pid = std::process::id();
    let mut kernel = Client::open()?;
    reader.client.say(SET, &Status { mask: Status::MASK_PID, pid, ..Status::default() }.encode())?;
    kernel.say(SET, &Status { mask: Status::MASK_ENABLED, enabled: 1, ..Status::default() }.encode())?;
    ready()?;
    while !until.wait(Some(reader.client.socket()), None)? {
        reader.write()?;
    }
    kernel.say(SET, &Status { mask: Status::MASK_ENABLED, ..Status::default() }.encode())?;
    // Before it unregisters, so that the kernel does not print them.
    while poll(&mut [PollFd::new(reader.client.socket(), PollFlags::IN)], Some(&LAST_RECORDS))? > 0 {
        reader.write()?;
    }
    kernel.say(SET, &Status { mask: Status::MASK_PID, ..Status::default() }.encode())
}

struct Reader {
    client: Client,
    log: File,
    record: Vec<u8>,
}

impl Reader {
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
}
