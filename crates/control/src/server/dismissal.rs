//! Turning away who finds no place, without waiting for them.

use super::dispatch::refuse;
use crate::Refusal;
use crate::transport::send;
use rustix::net::{RecvFlags, recv};
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

/// Most sockets that wait to be closed.
const WAITING: usize = 256;

/// A thread that closes sockets. Whoever closes one also closes the descriptors that were sent to it and not
/// received, and that can take as long as their sender likes (`SO_LINGER`). Beyond the sockets that may wait, closing
/// is done at once all the same: descriptors may not run out.
#[derive(Debug)]
pub(super) struct Dismissals {
    to_close: SyncSender<Arc<UnixStream>>,
}

impl Dismissals {
    pub(super) fn start() -> io::Result<Dismissals> {
        let (to_close, sockets): (_, Receiver<Arc<UnixStream>>) = sync_channel(WAITING);
        thread::Builder::new()
            .name("control-close".to_owned())
            .spawn(move || sockets.iter().for_each(drop))?;
        Ok(Dismissals { to_close })
    }

    /// Says why, and ends the connection.
    pub(super) fn dismiss(&self, socket: Arc<UnixStream>, limit: usize) {
        let reply = refuse(Refusal::too_many_connections(limit));
        // Nothing was sent before, so there is room; the client's fault if not.
        let _ = send(socket.as_fd(), &reply, &[], Instant::now());
        let _ = socket.shutdown(Shutdown::Both);
        if !nothing_arrived(&socket) {
            let _ = self.to_close.try_send(socket);
        }
    }
}

/// Whether the client sent nothing. Nothing can arrive after the socket was shut down.
fn nothing_arrived(socket: &UnixStream) -> bool {
    let mut byte = [0; 1];
    matches!(recv(socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT), Ok((_, 0)))
}
