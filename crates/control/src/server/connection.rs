//! One client.

use super::dispatch::{answer, refuse};
use super::host::{Host, Peer};
use super::limits::Limits;
use super::table::Place;
use crate::Refusal;
use crate::transport::{Reader, TooLong, send, wait_readable};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// Answers calls, one after the other, until the client leaves, breaks the rules or lets the server wait.
///
/// # Errors
///
/// Those of the socket; they end the conversation and concern nobody else.
pub(super) fn converse(
    socket: &UnixStream,
    peer: Peer,
    place: &Place,
    host: &dyn Host,
    limits: &Limits,
) -> io::Result<()> {
    let mut reader = Reader::new(limits.message);
    let mut message_due = None;
    loop {
        match answer_all(&mut reader, host, peer, limits, |answer| reply(socket, answer, limits))? {
            Stage::Over => return Ok(()),
            Stage::Answered => message_due = None,
            Stage::Incomplete => {}
        }
        if reader.is_empty() {
            place.set_idle(true);
            wait_readable(socket.as_fd(), None)?;
            place.set_idle(false);
        } else {
            let due = *message_due.get_or_insert_with(|| Instant::now() + limits.transfer);
            wait_readable(socket.as_fd(), Some(due))?;
        }
        match reader.fill(socket.as_fd()) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// How far a conversation is when everything that has arrived in full is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Something was answered, or wanted no answer.
    Answered,
    /// Nothing was there in full.
    Incomplete,
    /// The client has broken the rules.
    Over,
}

/// Answers the calls that are here in full.
///
/// # Errors
///
/// Those of `reply`.
pub(super) fn answer_all(
    reader: &mut Reader,
    host: &dyn Host,
    peer: Peer,
    limits: &Limits,
    mut reply: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Stage> {
    let mut stage = Stage::Incomplete;
    loop {
        let message = match reader.take() {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(stage),
            Err(TooLong) => {
                reply(&too_long(limits))?;
                return Ok(Stage::Over);
            }
        };
        stage = Stage::Answered;
        let Ok(answer) = answer(host, peer, message) else { return Ok(Stage::Over) };
        if let Some(answer) = answer {
            reply(&answer)?;
        }
    }
}

fn reply(socket: &UnixStream, bytes: &[u8], limits: &Limits) -> io::Result<()> {
    send(socket.as_fd(), bytes, &[], Instant::now() + limits.transfer)
}

fn too_long(limits: &Limits) -> Vec<u8> {
    let value = u64::try_from(limits.message).unwrap_or(u64::MAX);
    refuse(Refusal::LimitReached { limit: "bytes of a message".to_owned(), value })
}
