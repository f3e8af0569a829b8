//! A thread that accepts connections, and one for each of them.

use auditns_control::server::Peer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How long to wait when a connection cannot be accepted, because descriptors or memory are short.
const SHORTAGE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How many connections there may be; what comes when there are so many is closed at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// In all.
    pub(super) all: usize,
    /// Of these, those that only root may have.
    pub(super) for_root: usize,
    /// Of a user other than root.
    pub(super) for_user: usize,
}

/// What is done with a connection, in a thread of its own. It must come to an end.
pub(super) type Converse = dyn Fn(OwnedFd, Peer) + Send + Sync;

/// Accepts as long as the value lives. Conversations end by themselves. The listening socket is left as it is: a successor may
/// share it.
#[derive(Debug)]
pub(super) struct Acceptor {
    name: &'static str,
    places: Places,
    taken: Arc<Taken>,
    /// Its closing tells the thread to stop.
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Starts the thread. `name` is that of the threads, at most 15 bytes.
    ///
    /// # Errors
    /// Those of `socketpair(2)`, `fcntl(2)` and of starting a thread.
    pub(super) fn start(
        listener: OwnedFd,
        name: &'static str,
        places: Places,
        converse: Arc<Converse>,
    ) -> io::Result<Acceptor> {
        rustix::io::ioctl_fionbio(&listener, true)?;
        let (stop, stopped) = UnixStream::pair()?;
        let taken = Arc::new(Taken::default());
        let taken_by = Arc::clone(&taken);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            loop {
                let mut events =
                    [PollFd::new(&listener, PollFlags::IN), PollFd::new(&stopped, PollFlags::IN)];
                // Only a signal interrupts it.
                let _ = poll(&mut events, None);
                if !events[1].revents().is_empty() {
                    return;
                }
                match accept_with(&listener, SocketFlags::CLOEXEC) {
                    Ok(socket) => welcome(socket, name, places, &taken_by, &converse),
                    Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => {}
                    Err(_) => {
                        let _ = poll(&mut [PollFd::new(&stopped, PollFlags::IN)], Some(&SHORTAGE));
                    }
                }
            }
        })?;
        Ok(Acceptor { name, places, taken, stop: Some(stop), thread: Some(thread) })
    }

    /// Goes on with a connection that was accepted before. Without a place it is closed.
    pub(super) fn take_up(&self, socket: OwnedFd, converse: &Arc<Converse>) {
        welcome(socket, self.name, self.places, &self.taken, converse);
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn welcome(
    socket: OwnedFd,
    name: &'static str,
    places: Places,
    taken: &Arc<Taken>,
    converse: &Arc<Converse>,
) {
    let Ok(peer) = Peer::of(&socket) else { return };
    let Some(place) = Taken::admit(taken, peer.uid, places) else { return };
    let converse = Arc::clone(converse);
    // Without a thread, the client sees the connection end.
    let _ = thread::Builder::new().name(name.to_owned()).spawn(move || {
        converse(socket, peer);
        drop(place);
    });
}

/// Connections by user.
#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<u32, usize>>);

impl Taken {
    fn admit(taken: &Arc<Taken>, uid: u32, places: Places) -> Option<Place> {
        let mut users = taken.lock();
        let all: usize = users.values().sum();
        let own = users.get(&uid).copied().unwrap_or_default();
        let room = if uid == 0 { places.all } else { places.all.saturating_sub(places.for_root) };
        if all >= room || (uid != 0 && own >= places.for_user) {
            return None;
        }
        users.insert(uid, own + 1);
        Some(Place { taken: Arc::clone(taken), uid })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
struct Place {
    taken: Arc<Taken>,
    uid: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut users = self.taken.lock();
        if let Some(own) = users.get_mut(&self.uid) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                users.remove(&self.uid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc::channel;

    #[test]
    fn places_are_shared_out_and_given_back() {
        let places = Places { all: 4, for_root: 1, for_user: 2 };
        let taken = Arc::new(Taken::default());
        let alice: Vec<Place> = (0..3).filter_map(|_| Taken::admit(&taken, 1000, places)).collect();
        assert_eq!(alice.len(), 2, "one user takes no more than the share of one");
        let bob = Taken::admit(&taken, 1001, places).unwrap();
        assert!(Taken::admit(&taken, 1002, places).is_none(), "what is left is root's");
        let root = Taken::admit(&taken, 0, places).unwrap();
        assert!(Taken::admit(&taken, 0, places).is_none());
        drop((alice, bob, root));
        assert!(taken.lock().is_empty());
    }

    #[test]
    fn a_connection_beyond_the_places_is_closed_and_the_next_one_served() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let (tell, told) = channel::<u32>();
        let converse = move |socket: OwnedFd, peer: Peer| {
            tell.send(peer.uid).unwrap();
            let _ = UnixStream::from(socket).read(&mut [0]);
        };
        let places = Places { all: 1, for_root: 0, for_user: 1 };
        let acceptor = Acceptor::start(listener.into(), "test", places, Arc::new(converse)).unwrap();
        let mut first = UnixStream::connect(&path).unwrap();
        assert_eq!(told.recv().unwrap(), 0);
        let mut second = UnixStream::connect(&path).unwrap();
        assert_eq!(second.read(&mut [0]).unwrap(), 0, "there is no place");
        first.write_all(b"x").unwrap();
        assert_eq!(first.read(&mut [0]).unwrap(), 0, "its conversation has ended");
        loop {
            let mut third = UnixStream::connect(&path).unwrap();
            // The place is given back a moment after the end of the conversation can be seen. Until then this one is closed.
            let _ = third.write_all(b"x").and_then(|()| third.read(&mut [0]));
            if told.try_recv().is_ok() {
                break;
            }
        }
        drop(acceptor);
    }
}
