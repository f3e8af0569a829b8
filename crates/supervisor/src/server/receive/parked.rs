//! Calls that wait for something to receive, without a thread each.

use super::receiving::Receiving;
use auditns_core::EndpointId;
use auditns_sys::Listener;
use auditns_sys::identity::signals::has_pending_signal;
use std::time::{Duration, Instant};

/// Most calls parked at a time in one namespace.
const CALLS: usize = 256;

/// How often parked calls are looked at: a call that waits here is not told of signals, so a signal to its thread has
/// to be seen.
const LOOK: Duration = Duration::from_millis(10);

/// Why a call waits no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its thread was killed.
    Gone,
    /// `SO_RCVTIMEO` has passed.
    TimedOut,
    /// A signal waits for its thread.
    Signalled,
    /// The last descriptor of its socket was closed.
    SocketClosed,
}

#[derive(Debug)]
struct Call {
    receiving: Receiving,
    /// It is not tried again before this.
    not_before: Instant,
    deadline: Option<Instant>,
}

/// The parked calls.
#[derive(Debug, Default)]
pub(in crate::server) struct Parked {
    calls: Vec<Call>,
    look_at: Option<Instant>,
}

impl Parked {
    /// Parks a call, at most for this time. One that found nothing although its socket is not empty is not tried again
    /// at once: the member may have made what is there invisible (`SO_PEEK_OFF`). Returns whether there was room.
    pub(super) fn add(&mut self, receiving: Receiving, time: Option<Duration>, at_once: bool) -> bool {
        if self.calls.len() >= CALLS {
            return false;
        }
        let now = Instant::now();
        let not_before = if at_once { now } else { now + LOOK };
        let deadline = time.and_then(|time| now.checked_add(time));
        self.calls.push(Call { receiving, not_before, deadline });
        self.look_at.get_or_insert(now + LOOK);
        true
    }

    /// How long nothing has to be done about parked calls; `None` if there are none.
    pub(in crate::server) fn rest(&self) -> Option<Duration> {
        self.look_at.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Takes out the calls of which this is true, oldest first.
    pub(super) fn take_if(&mut self, ready: impl Fn(&Receiving) -> bool) -> Vec<Receiving> {
        if self.calls.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        self.take_where(|call| (call.not_before <= now && ready(&call.receiving)).then_some(call.receiving))
    }

    /// Takes out the calls that wait no longer, if it is time to look at them.
    pub(super) fn take_ended(
        &mut self,
        listener: &Listener,
        is_open: impl Fn(EndpointId) -> bool,
    ) -> Vec<(Receiving, End)> {
        let now = Instant::now();
        if self.look_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let ended = self.take_where(|call| {
            let notification = &call.receiving.notification;
            let end = if !listener.is_valid(notification.id) {
                End::Gone
            } else if call.deadline.is_some_and(|deadline| deadline <= now) {
                End::TimedOut
            } else if !is_open(call.receiving.endpoint) {
                End::SocketClosed
            } else if has_pending_signal(notification.tid) {
                End::Signalled
            } else {
                return None;
            };
            Some((call.receiving, end))
        });
        self.look_at = (!self.calls.is_empty()).then(|| now + LOOK);
        ended
    }

    fn take_where<T>(&mut self, mut select: impl FnMut(&Call) -> Option<T>) -> Vec<T> {
        let mut taken = Vec::new();
        self.calls.retain(|call| match select(call) {
            Some(value) => {
                taken.push(value);
                false
            }
            None => true,
        });
        if self.calls.is_empty() {
            self.look_at = None;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::receive::receiving::Socket;
    use auditns_sys::call::{Operation, Room};
    use auditns_sys::{LaunchOptions, Notification, SeccompData, launch};
    use std::process::{Command, Stdio};

    fn receiving(number: u64) -> Receiving {
        Receiving {
            notification: Notification { id: number, tid: 1, data: SeccompData::default() },
            endpoint: EndpointId(number % 2),
            fd: 1000,
            inode: 1,
            operation: Operation::ReceiveFrom { flags: 0, address: Room { at: 0, length_at: 0 } },
            socket: Socket {
                in_group: false,
                was_in_group: false,
                holds_datagram: false,
                packet_info: true,
                credentials: false,
            },
        }
    }

    #[test]
    fn only_so_many_calls_are_parked_and_the_oldest_go_on_first() {
        let mut parked = Parked::default();
        assert_eq!(parked.rest(), None);
        for number in 0..CALLS as u64 {
            assert!(parked.add(receiving(number), None, true));
        }
        assert!(!parked.add(receiving(1000), None, true));
        assert!(parked.rest().is_some_and(|rest| rest <= LOOK));
        let taken = parked.take_if(|receiving| receiving.endpoint == EndpointId(1));
        let ids: Vec<u64> = taken.iter().map(|receiving| receiving.notification.id).collect();
        assert!(ids.len() == CALLS / 2 && ids.is_sorted());
        assert!(parked.add(receiving(1000), None, false), "there is room again");
        parked.take_if(|_| true);
        assert!(parked.rest().is_some(), "one of them is not tried at once");
        std::thread::sleep(LOOK);
        assert_eq!(parked.take_if(|_| true).len(), 1);
        assert_eq!(parked.rest(), None, "nothing is looked at when nobody waits");
    }

    #[test]
    fn calls_of_threads_that_are_gone_are_dropped_in_time() {
        let mut child = Command::new("cat");
        child.stdin(Stdio::piped());
        let mut launched = launch::spawn(child, &LaunchOptions::default()).unwrap();
        let mut parked = Parked::default();
        parked.add(receiving(1), None, true);
        assert!(parked.take_ended(&launched.listener, |_| true).is_empty(), "it is not time yet");
        std::thread::sleep(LOOK);
        let ended = parked.take_ended(&launched.listener, |_| true);
        assert_eq!(ended.iter().map(|(_, end)| *end).collect::<Vec<_>>(), [End::Gone]);
        assert_eq!(parked.rest(), None);
        launched.child.kill().unwrap();
        launched.child.wait().unwrap();
    }
}
