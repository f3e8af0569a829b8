//! Calls that wait for something to receive, without a thread each.

use super::receiving::{Receiving, Waits};
use crate::server::calls::Calls;
use auditns_core::EndpointId;
use auditns_sys::identity::signals::{Pending, pending};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most calls parked at a time in one namespace.
const CALLS: usize = 256;

/// How often some of the parked calls are looked at: a call that waits here is not told of signals, so a signal to its
/// thread has to be seen.
const LOOK: Duration = Duration::from_millis(10);
/// Calls looked at each time; with more of them parked, each one's turn comes later, and nobody pays more.
const LOOKED_AT: usize = 16;

/// Why a call waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum End {
    /// Its thread was killed.
    Gone,
    /// `SO_RCVTIMEO` has passed.
    TimedOut,
    /// A signal waits for its thread.
    Interrupted,
    /// A signal waits for its process, and no other thread has taken it.
    PerhapsInterrupted,
    /// The last descriptor of its socket was closed.
    SocketClosed,
}

#[derive(Debug)]
struct Call {
    receiving: Receiving,
    /// It is not tried again before this.
    not_before: Instant,
    /// A signal waited for its process when it was looked at last.
    saw_signal: bool,
}

impl Call {
    /// Why it waits no longer; `None` if it does.
    fn end(&mut self, calls: &Calls, is_open: impl Fn(EndpointId) -> bool, now: Instant) -> Option<End> {
        let Receiving { notification, receiver, waits, .. } = &self.receiving;
        let signal = pending(notification.tid);
        // A signal of the process may be another thread's to take: then it is gone when it is looked at again.
        let saw_signal = std::mem::replace(&mut self.saw_signal, signal == Pending::Shared);
        if !calls.is_valid(notification) {
            Some(End::Gone)
        } else if matches!(waits, Waits::Until(deadline) if *deadline <= now) {
            Some(End::TimedOut)
        } else if !is_open(receiver.endpoint) {
            Some(End::SocketClosed)
        } else if signal == Pending::Own {
            Some(End::Interrupted)
        } else if signal == Pending::Shared && saw_signal {
            Some(End::PerhapsInterrupted)
        } else {
            None
        }
    }
}

/// The parked calls, those first that were not looked at for longest.
#[derive(Debug, Default)]
pub(in crate::server) struct Parked {
    calls: VecDeque<Call>,
    look_at: Option<Instant>,
}

impl Parked {
    /// Parks a call. One that found nothing although its socket is not empty is not tried again at once: the member may
    /// have made what is there invisible (`SO_PEEK_OFF`). Returns whether there was room.
    pub(super) fn add(&mut self, receiving: Receiving, at_once: bool) -> bool {
        if self.calls.len() >= CALLS {
            return false;
        }
        let now = Instant::now();
        let not_before = if at_once { now } else { now + LOOK };
        self.calls.push_back(Call { receiving, not_before, saw_signal: false });
        self.look_at.get_or_insert(now + LOOK);
        true
    }

    /// How long nothing has to be done about parked calls; `None` if there are none.
    pub(in crate::server) fn rest(&self) -> Option<Duration> {
        self.look_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Takes out the calls of which this is true.
    pub(super) fn take_if(&mut self, ready: impl Fn(&Receiving) -> bool) -> Vec<Receiving> {
        if self.calls.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let mut taken = Vec::new();
        self.calls.retain(|call| {
            let take = call.not_before <= now && ready(&call.receiving);
            if take {
                taken.push(call.receiving);
            }
            !take
        });
        if self.calls.is_empty() {
            self.look_at = None;
        }
        taken
    }

    /// Takes out the calls that wait no longer, if it is time to look at them.
    pub(super) fn take_ended(
        &mut self,
        calls: &Calls,
        is_open: impl Fn(EndpointId) -> bool,
    ) -> Vec<(Receiving, End)> {
        let now = Instant::now();
        if self.look_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let mut ended = Vec::new();
        for _ in 0..self.calls.len().min(LOOKED_AT) {
            let Some(mut call) = self.calls.pop_front() else { break };
            match call.end(calls, &is_open, now) {
                Some(end) => ended.push((call.receiving, end)),
                None => self.calls.push_back(call),
            }
        }
        self.look_at = (!self.calls.is_empty()).then(|| now + LOOK);
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::aside::OnBehalf;
    use crate::server::receive::receiving::Socket;
    use crate::server::receivers::Receiver;
    use auditns_sys::call::{OnSocket, Operation, Room};
    use auditns_sys::{LaunchOptions, Notification, SeccompData, launch};
    use std::process::{Command, Stdio};

    /// Later than a test that is held up comes to anything.
    const FAR: Duration = Duration::from_secs(600);

    fn receiving(number: u64) -> Receiving {
        let on_behalf = OnBehalf { uid: 0, privileged: true };
        let operation = Operation::ReceiveFrom { flags: 0, address: Room { at: 0, length_at: 0 } };
        Receiving {
            notification: Notification { id: number, tid: 1, data: SeccompData::default(), origin: 0 },
            receiver: Receiver { endpoint: EndpointId(number % 2), inode: 1, on_behalf },
            call: OnSocket { fd: 870, operation },
            socket: Socket {
                overrun: false,
                in_group: false,
                was_in_group: false,
                holds_datagram: false,
                packet_info: true,
                credentials: false,
            },
            waits: Waits::ForEver,
        }
    }

    #[test]
    fn only_so_many_calls_are_parked_and_the_oldest_go_on_first() {
        let mut parked = Parked::default();
        assert_eq!(parked.rest(), None);
        for number in 0..CALLS as u64 {
            assert!(parked.add(receiving(number), true));
        }
        assert!(!parked.add(receiving(1000), true));
        assert!(parked.rest().is_some_and(|rest| rest <= LOOK));
        let taken = parked.take_if(|receiving| receiving.receiver.endpoint == EndpointId(1));
        let ids: Vec<u64> = taken.iter().map(|receiving| receiving.notification.id).collect();
        assert!(ids.len() == CALLS / 2 && ids.is_sorted());
        assert!(parked.add(receiving(1000), false), "there is room again");
        parked.calls.back_mut().unwrap().not_before += FAR;
        parked.take_if(|_| true);
        assert!(parked.rest().is_some(), "one of them is not tried at once");
        parked.calls.back_mut().unwrap().not_before -= FAR;
        std::thread::sleep(LOOK);
        assert_eq!(parked.take_if(|_| true).len(), 1);
        assert_eq!(parked.rest(), None, "nothing is looked at when nobody waits");
    }

    #[test]
    fn all_calls_get_their_turn_to_be_looked_at() {
        let mut child = Command::new("cat");
        child.stdin(Stdio::piped());
        let mut launched = launch::spawn(child, &LaunchOptions::default()).unwrap();
        let calls = Calls::new(None);
        calls.add(0, launched.listener);
        let mut parked = Parked::default();
        for number in 0..3 * LOOKED_AT as u64 {
            parked.add(receiving(number), true);
        }
        for turn in 1..=3 {
            std::thread::sleep(LOOK);
            let ended = parked.take_ended(&calls, |_| true);
            assert_eq!((ended.len(), parked.calls.len()), (LOOKED_AT, (3 - turn) * LOOKED_AT));
        }
        launched.child.kill().unwrap();
        launched.child.wait().unwrap();
    }

    #[test]
    fn calls_of_threads_that_are_gone_are_dropped_in_time() {
        let mut child = Command::new("cat");
        child.stdin(Stdio::piped());
        let mut launched = launch::spawn(child, &LaunchOptions::default()).unwrap();
        let calls = Calls::new(None);
        calls.add(0, launched.listener);
        let mut parked = Parked::default();
        parked.add(receiving(1), true);
        parked.look_at = Some(Instant::now() + FAR);
        assert!(parked.take_ended(&calls, |_| true).is_empty(), "it is not time yet");
        parked.look_at = Some(Instant::now());
        let ended = parked.take_ended(&calls, |_| true);
        assert_eq!(ended.iter().map(|(_, end)| *end).collect::<Vec<_>>(), [End::Gone]);
        assert_eq!(parked.rest(), None);
        launched.child.kill().unwrap();
        launched.child.wait().unwrap();
    }
}
