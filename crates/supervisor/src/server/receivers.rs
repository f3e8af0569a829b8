//! Which socket a thread receives on: the same one again and again.

use super::aside::OnBehalf;
use auditns_core::EndpointId;
use std::collections::HashMap;

/// Threads that are remembered.
const REMEMBERED: usize = 1024;

/// A socket at a number of a thread's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) endpoint: EndpointId,
    /// Of the socket. Whoever touches the thread's memory checks that the number still is this socket's.
    pub(super) inode: u64,
    /// For whom it receives.
    pub(super) on_behalf: OnBehalf,
}

/// Remembers sockets by thread and number.
#[derive(Debug, Default)]
pub(super) struct Receivers(HashMap<(u32, u32), Receiver>);

impl Receivers {
    pub(super) fn get(&self, tid: u32, fd: u32) -> Option<Receiver> {
        self.0.get(&(tid, fd)).copied()
    }

    pub(super) fn note(&mut self, tid: u32, fd: u32, receiver: Receiver) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert((tid, fd), receiver);
    }

    /// Sockets are about to be put at numbers that meant others.
    pub(super) fn forget_all(&mut self) {
        self.0.clear();
    }

    /// A socket was put at this number of somebody's table, or a number means something else than was thought.
    pub(super) fn forget_number(&mut self, fd: u32) {
        self.0.retain(|(_, known), _| *known != fd);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(number: u32) -> Receiver {
        let on_behalf = OnBehalf { uid: 0, privileged: true };
        Receiver { endpoint: EndpointId(u64::from(number)), inode: 7, on_behalf }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_with_the_number() {
        let mut receivers = Receivers::default();
        for tid in 0..5000 {
            receivers.note(tid, 870 + tid % 2, receiver(tid));
            assert!(receivers.0.len() <= REMEMBERED);
        }
        assert_eq!((receivers.get(4999, 871), receivers.get(4999, 870)), (Some(receiver(4999)), None));
        receivers.forget_number(871);
        assert_eq!(receivers.get(4999, 871), None);
        assert!(receivers.get(4998, 870).is_some());
    }
}
