//! Copies of records for the audit of the host's kernel.

use auditns_wire::header::{HEADER_LENGTH, Header};
use auditns_wire::message_type::USER;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, netlink, send, socket_with};
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// `NLM_F_REQUEST`; nobody waits for an acknowledgement.
const REQUEST: u16 = 1;
/// Records that wait. Beyond, they are left out and counted: the kernel may take its time, and nobody waits for it.
const WAITING: usize = 1024;
/// Bytes of a record that fit, twice as long in hexadecimal, into one message of the kernel's (8,560 bytes).
const RECORD_MAX: usize = 4096;

/// Hands records to the kernel, each as one user message whose text cannot be taken for fields.
#[derive(Debug)]
pub(crate) struct Forwarder {
    records: SyncSender<String>,
    missed: Arc<AtomicU64>,
}

impl Forwarder {
    /// Starts the thread that does it. Where the kernel has Landlock, it has that socket and nothing else.
    ///
    /// # Errors
    /// Those of making the socket (`EPERM` outside of the initial user namespace comes later, with the messages) and the
    /// thread.
    pub(crate) fn start() -> io::Result<Forwarder> {
        let protocol = Some(netlink::AUDIT);
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        let (records, waiting) = sync_channel(WAITING);
        let missed = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&missed);
        let (confined, outcome) = sync_channel(1);
        thread::Builder::new().name("forward".to_owned()).spawn(move || {
            let result = auditns_sandbox::confine_thread();
            let confined_or_without_landlock = result.is_ok();
            let _ = confined.send(result);
            if confined_or_without_landlock {
                forward(&socket, &waiting, &counted);
            }
        })?;
        outcome.recv().map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok(Forwarder { records, missed })
    }

    /// Hands a record over, if there is room.
    pub(crate) fn offer(&self, record: &str) {
        if self.records.try_send(record.to_owned()).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn forward(socket: &OwnedFd, records: &Receiver<String>, missed: &AtomicU64) {
    while let Ok(record) = records.recv() {
        let before = missed.swap(0, Ordering::Relaxed);
        if send(socket, &message(&record, before), SendFlags::NOSIGNAL).is_err() {
            // The next message that the kernel takes tells of it.
            missed.fetch_add(before + 1, Ordering::Relaxed);
        }
    }
}

/// The message for a record, and how many before it the kernel has missed.
fn message(record: &str, missed: u64) -> Vec<u8> {
    let bytes = record.as_bytes();
    let mut text =
        format!("op=auditns-record missed={missed} cut={} record=", u8::from(bytes.len() > RECORD_MAX));
    for byte in bytes.iter().take(RECORD_MAX) {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\0');
    let length = u32::try_from(HEADER_LENGTH + text.len()).unwrap_or(0);
    let header = Header { length, message_type: USER, flags: REQUEST, sequence: 0, port: 0 };
    [&header.encode()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_record_can_be_taken_for_a_field() {
        let hostile = "type=USER msg=audit(1.0:1): x' res=success\n\u{1b}[2J";
        let message = message(hostile, 3);
        let text = std::str::from_utf8(&message[HEADER_LENGTH..]).unwrap();
        let (head, record) = text.strip_suffix('\0').unwrap().rsplit_once('=').unwrap();
        assert_eq!(head, "op=auditns-record missed=3 cut=0 record");
        assert!(record.bytes().all(|byte| byte.is_ascii_hexdigit()) && record.len() == 2 * hostile.len());
    }

    #[test]
    fn messages_are_never_longer_than_the_kernel_takes() {
        let message = message(&"x".repeat(100_000), u64::MAX);
        assert!(message.len() < 8560, "{}", message.len());
        assert_eq!(Header::decode(&message).unwrap().length as usize, message.len());
    }
}
