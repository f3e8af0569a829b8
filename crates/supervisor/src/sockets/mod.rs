//! Sockets for members, which are made, named and kept before anybody asks for one.
//!
//! Whoever keeps descriptors has to be woken for each, and making a socket takes a process that ends: neither is to be waited
//! for in a member's call. Where somebody attends to it ([`Sockets::attend`]), there are always some ready, and those that
//! members have closed are given up several at a time.

mod attendance;

pub(crate) use attendance::Attendance;

use crate::keeping::{Keep, KeptAs, parse_socket, socket_name};
use auditns_sys::{EndpointPair, Endpoints, SentBy};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// So many sockets that are closed are given up at once.
const CLOSED_MAX: usize = 32;
/// With so many nobody waits for whoever attends: they take room that is nobody's.
const CLOSED_TOO_MANY: usize = 4 * CLOSED_MAX;

/// The sockets of one supervisor to come.
#[derive(Debug)]
pub(crate) struct Sockets {
    maker: Endpoints,
    /// Sockets that are made at a time, and that are left when more are made: a reserve for when none can be.
    advance: usize,
    keep: Option<Arc<Keep>>,
    stock: Mutex<Stock>,
    /// One thread at a time makes some, so that others find them.
    making: Mutex<()>,
    /// Whoever attends has something to do.
    changed: Condvar,
}

/// A socket for a member.
#[derive(Debug)]
pub(crate) struct ReadySocket {
    pub(crate) pair: EndpointPair,
    /// How our end is kept; `None` if it is lost when the supervisor is killed.
    pub(crate) kept_as: Option<KeptAs>,
}

#[derive(Debug, Default)]
struct Stock {
    ready: Vec<ReadySocket>,
    /// The last number under which one was kept.
    last_number: u64,
    /// Kept ones that are closed, and since when there are any.
    closed: Vec<u64>,
    closed_since: Option<Instant>,
    /// Somebody makes more and gives up what is closed.
    attended: bool,
}

impl Sockets {
    /// Descriptors that are open for sockets to come if so many are made at a time.
    pub(crate) const fn descriptors(advance: usize) -> usize {
        4 * advance
    }

    /// None is made yet. `kept` are the names of what supervisors before this one have left.
    pub(crate) fn new<'n>(
        maker: Endpoints,
        advance: usize,
        keep: Option<Arc<Keep>>,
        kept: impl Iterator<Item = &'n str>,
    ) -> Sockets {
        let last_number = kept.filter_map(parse_socket).max().unwrap_or(0);
        Sockets {
            maker,
            advance: advance.clamp(1, Endpoints::AT_A_TIME),
            keep,
            stock: Mutex::new(Stock { last_number, ..Stock::default() }),
            making: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Whom members see as the sender of what is sent to them.
    pub(crate) fn sent_by(&self) -> SentBy {
        self.maker.sent_by()
    }

    /// How many are ready.
    pub(crate) fn ready(&self) -> usize {
        self.lock().ready.len()
    }

    /// A socket of which calls on the member's end wait, or do not.
    ///
    /// # Errors
    /// Those of [`Endpoints::make`], when there is none left.
    pub(crate) fn take(&self, nonblocking: bool) -> io::Result<ReadySocket> {
        let mut socket = self.next()?;
        if self.is_short() {
            // There is a reserve for when no more can be made.
            let _ = self.make_more();
        }
        if nonblocking && let Err(error) = socket.pair.set_nonblocking() {
            socket.kept_as.inspect(|kept_as| self.give_up(kept_as.number));
            return Err(error);
        }
        if socket.kept_as.is_none() {
            // There may be room by now.
            socket.kept_as = self.keep(&socket.pair);
        }
        Ok(socket)
    }

    fn next(&self) -> io::Result<ReadySocket> {
        if let Some(next) = self.pop() {
            return Ok(next);
        }
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have made some meanwhile.
        if let Some(next) = self.pop() {
            return Ok(next);
        }
        let mut made = self.made()?;
        let next = made.pop().ok_or(io::ErrorKind::OutOfMemory)?;
        self.lock().ready.extend(made);
        Ok(next)
    }

    /// One that is ready. Where few are left, whoever attends makes more.
    fn pop(&self) -> Option<ReadySocket> {
        let mut stock = self.lock();
        let next = stock.ready.pop();
        if stock.attended && stock.ready.len() < self.advance {
            self.changed.notify_one();
        }
        next
    }

    /// A member's socket is closed: it need not be kept any more. Until that is so, some time may pass.
    pub(crate) fn give_up(&self, number: u64) {
        let mut stock = self.lock();
        if !stock.attended {
            drop(stock);
            return self.forget(&[number]);
        }
        if stock.closed.len() >= CLOSED_TOO_MANY {
            drop(stock);
            return self.forget(&[number]);
        }
        stock.closed.push(number);
        let first = stock.closed_since.is_none();
        stock.closed_since.get_or_insert_with(Instant::now);
        if first || stock.closed.len() == CLOSED_MAX {
            self.changed.notify_one();
        }
    }

    /// As [`Sockets::give_up`], with no time between.
    pub(crate) fn give_up_at_once(&self, number: u64) {
        self.forget(&[number]);
    }

    /// Whether few are left, and nobody attends.
    fn is_short(&self) -> bool {
        let stock = self.lock();
        !stock.attended && stock.ready.len() < self.advance
    }

    /// Makes some, unless others have meanwhile.
    fn make_more(&self) -> io::Result<()> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock().ready.len() < self.advance {
            let made = self.made()?;
            self.lock().ready.extend(made);
        }
        Ok(())
    }

    /// At least one.
    fn made(&self) -> io::Result<Vec<ReadySocket>> {
        let pairs = self.maker.make(self.advance)?;
        Ok(pairs.into_iter().map(|pair| ReadySocket { kept_as: self.keep(&pair), pair }).collect())
    }

    fn keep(&self, pair: &EndpointPair) -> Option<KeptAs> {
        let keep = self.keep.as_ref()?;
        let number = {
            let mut stock = self.lock();
            stock.last_number += 1;
            stock.last_number
        };
        let kept_as = KeptAs::new(number, &pair.server).ok()?;
        keep.keep(&socket_name(number), pair.server.as_fd()).then_some(kept_as)
    }

    fn forget(&self, numbers: &[u64]) {
        let Some(keep) = &self.keep else { return };
        for number in numbers {
            keep.forget(&socket_name(*number));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stock> {
        // Nothing panics while it holds the lock.
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
