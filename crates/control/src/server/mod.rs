//! The supervisor's end: a thread that accepts, and one for each connection.
//!
//! A client can make its own thread wait, by not reading, by a call that takes long or by descriptors whose closing
//! blocks, and takes one of its few places with it; nobody else waits.

mod connection;
mod dismissal;
mod dispatch;
mod host;
mod limits;
mod offline;
mod table;

pub use host::{Host, Peer};
pub use offline::replies;

use dismissal::Dismissals;
pub(crate) use limits::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use table::Table;

/// How long conversations may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long to wait when a connection cannot be accepted, because descriptors or memory are short.
const SHORTAGE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The socket cannot be polled.
    #[error("the control socket could not be made non-blocking ({0}); pass a UNIX socket that listens")]
    Listener(#[source] io::Error),
    /// No channel to stop it by.
    #[error("no channel to stop the control interface could be made ({0}); check the limit on open files")]
    Channel(#[source] io::Error),
    /// No thread.
    #[error("no thread for the control interface could be started ({0}); check the limit on processes")]
    Thread(#[source] io::Error),
}

/// A server that runs. It stops when this is dropped: conversations end, calls under way get two seconds, and the
/// socket, which may be shared with a successor, is left as it is.
#[derive(Debug)]
pub struct Server {
    /// Its closing tells the thread to stop.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

/// Serves `io.auditns` on a socket that listens. Who may connect is up to the socket's permissions; who may do what,
/// to the host.
///
/// Bounds: 64 connections, 8 of which are kept for root, 16 for any other user; 256 KiB and 4 descriptors for a
/// message; 10 seconds for a message to arrive and for a reply to be taken. Who comes when all places are taken gets
/// that of a connection that was idle for 60 seconds, or `LimitReached`.
///
/// # Errors
///
/// When the thread, its channel or the socket cannot be set up.
pub fn serve(listener: UnixListener, host: Arc<dyn Host>) -> Result<Server, ServeError> {
    serve_within(listener, host, Limits::default())
}

pub(crate) fn serve_within(
    listener: UnixListener,
    host: Arc<dyn Host>,
    limits: Limits,
) -> Result<Server, ServeError> {
    listener.set_nonblocking(true).map_err(ServeError::Listener)?;
    let (stop, stopped) = UnixStream::pair().map_err(ServeError::Channel)?;
    let dismissals = Dismissals::start().map_err(ServeError::Thread)?;
    let acceptor = Acceptor { listener, host, limits, table: Table::new(limits), dismissals };
    let thread = thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || acceptor.run(&stopped))
        .map_err(ServeError::Thread)?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Acceptor {
    listener: UnixListener,
    host: Arc<dyn Host>,
    limits: Limits,
    table: Arc<Table>,
    dismissals: Dismissals,
}

impl Acceptor {
    fn run(self, stopped: &UnixStream) {
        loop {
            let mut events =
                [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
            // Only a signal interrupts it.
            let _ = poll(&mut events, None);
            if !events[1].revents().is_empty() {
                break;
            }
            match self.listener.accept() {
                Ok((socket, _)) => self.welcome(socket),
                Err(error) if is_passing(&error) => {}
                Err(_) => {
                    let _ = poll(&mut [PollFd::new(stopped, PollFlags::IN)], Some(&SHORTAGE));
                }
            }
        }
        self.table.close(FAREWELL);
    }

    fn welcome(&self, socket: UnixStream) {
        let Ok(peer) = Peer::of(&socket) else { return };
        let socket = Arc::new(socket);
        let place = match self.table.admit(peer.uid, &socket) {
            Ok(place) => place,
            Err(full) => return self.dismissals.dismiss(socket, full.limit),
        };
        let (host, limits) = (Arc::clone(&self.host), self.limits);
        // Without a thread, the client sees the connection end.
        let _ = thread::Builder::new().name("control-client".to_owned()).spawn(move || {
            let _ = connection::converse(&socket, peer, &place, &*host, &limits);
            // The last owner closes the socket, which must be this thread.
            drop(place);
            drop(socket);
        });
    }
}

/// Whether the next connection may be accepted at once.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}
