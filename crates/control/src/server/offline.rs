//! A conversation without a socket.

use super::connection::{Stage, answer_all};
use super::host::{Host, Peer};
use super::limits::Limits;
use crate::transport::Reader;

/// What a client is answered that sends these pieces and no descriptors, then leaves. [`super::serve`] does the same on a
/// socket; this is for those who have none, as fuzzing.
pub fn replies<'p>(host: &dyn Host, peer: Peer, pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<u8> {
    let limits = Limits::default();
    let mut reader = Reader::new(limits.message);
    let mut replies = Vec::new();
    for piece in pieces {
        reader.add(piece);
        let stage = answer_all(&mut reader, host, peer, &limits, |answer| {
            replies.extend_from_slice(answer);
            Ok(())
        });
        if matches!(stage, Ok(Stage::Over) | Err(_)) {
            break;
        }
    }
    replies
}
