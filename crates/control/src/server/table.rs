//! The connections there are, and who may have another.

use super::limits::Limits;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const ROOT: u32 = 0;

#[derive(Debug)]
pub(super) struct Table {
    limits: Limits,
    connections: Mutex<Connections>,
    one_left: Condvar,
}

#[derive(Debug, Default)]
struct Connections {
    entries: Vec<Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    uid: u32,
    socket: Arc<UnixStream>,
    /// Since when its thread waits for the first byte of a call, if it does.
    idle_since: Option<Instant>,
}

/// There are as many connections as there may be, and none of them is idle for long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full {
    pub(super) limit: usize,
}

/// A place in the table, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    table: Arc<Table>,
    number: u64,
}

impl Table {
    pub(super) fn new(limits: Limits) -> Arc<Table> {
        Arc::new(Table { limits, connections: Mutex::default(), one_left: Condvar::new() })
    }

    /// Finds a place for a connection, if need be that of one which is idle for long.
    pub(super) fn admit(self: &Arc<Table>, uid: u32, socket: &Arc<UnixStream>) -> Result<Place, Full> {
        let limits = self.limits;
        let mut connections = self.lock();
        if uid != ROOT {
            connections.make_room(limits.for_user, limits.idle, |entry| entry.uid == uid)?;
            connections.make_room(
                limits.connections.saturating_sub(limits.for_root),
                limits.idle,
                |entry| entry.uid != ROOT,
            )?;
        }
        connections.make_room(limits.connections, limits.idle, |_| true)?;
        let number = connections.next;
        connections.next += 1;
        connections.entries.push(Entry { number, uid, socket: Arc::clone(socket), idle_since: None });
        Ok(Place { table: Arc::clone(self), number })
    }

    /// Ends all conversations and waits for their threads to leave, for so long.
    pub(super) fn close(&self, patience: Duration) {
        let connections = self.lock();
        for entry in &connections.entries {
            let _ = entry.socket.shutdown(Shutdown::Both);
        }
        drop(self.one_left.wait_timeout_while(connections, patience, |left| !left.entries.is_empty()));
    }

    /// A panic elsewhere leaves the table as good as it was: every change is one step.
    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Makes sure that fewer than `limit` connections are `among` those that count.
    fn make_room(
        &mut self,
        limit: usize,
        idle: Duration,
        among: impl Fn(&Entry) -> bool,
    ) -> Result<(), Full> {
        if self.entries.iter().filter(|entry| among(entry)).count() < limit {
            return Ok(());
        }
        let longest = self.entries.iter().enumerate().filter(|(_, entry)| among(entry));
        let longest = longest.filter_map(|(at, entry)| Some((entry.idle_since?, at))).min();
        match longest {
            Some((since, at)) if since.elapsed() >= idle => {
                let entry = self.entries.swap_remove(at);
                let _ = entry.socket.shutdown(Shutdown::Both);
                Ok(())
            }
            _ => Err(Full { limit }),
        }
    }
}

impl Place {
    /// Says whether the connection waits for the first byte of a call.
    pub(super) fn set_idle(&self, idle: bool) {
        let mut connections = self.table.lock();
        if let Some(entry) = connections.entries.iter_mut().find(|entry| entry.number == self.number) {
            entry.idle_since = idle.then(Instant::now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().entries.retain(|entry| entry.number != self.number);
        self.table.one_left.notify_all();
    }
}
