//! Orders: what the host wants of a namespace that a thread serves.

use crate::identity::Place;
use crate::server::login_files::LoginCall;
use crate::settings::Settings;
use auditns_control::interface::NamespaceInfo;
use auditns_core::Policy;
use auditns_sys::{Listener, Notification};
use auditns_wire::record::Ids;
use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// How long whoever gives an order waits for the answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that the host wants of a namespace.
#[derive(Debug)]
pub(crate) enum Order {
    /// Say how it is.
    Describe,
    /// Whoever asks the kernel about tasks has to be told of the listeners.
    NoteListeners,
    /// See [`Input::HostSetsBacklogLimit`].
    SetBacklogLimit(u32),
    /// See [`Input::HostSetsRateLimit`].
    SetRateLimit(u32),
    /// See [`Input::HostSetsPolicy`].
    SetPolicy(Policy),
    /// Other settings hold.
    Change(Box<Settings>),
    /// Another program joins.
    Join {
        /// Of its filter.
        listener: Listener,
        /// See [`auditns_sys::Launched::wait_killable`].
        wait_killable: bool,
        /// See [`crate::state::ListenerState::place`].
        place: Option<Place>,
        joining: Joining,
    },
    /// A proxy has handed a call on.
    AnswerProxied {
        call: Notification,
        /// What answers it. It is dropped where nobody will.
        listener: Listener,
    },
    /// A nested namespace has no member left.
    Emptied,
    /// A member reads, writes or closes its file of a login user id.
    LoginCall(LoginCall),
    /// The first member is this process.
    Introduce {
        pid: u32,
        /// When it started, in clock ticks since boot.
        started: u64,
        /// Who says so.
        by: Ids,
    },
}

/// Who joins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining {
    /// Who has it join.
    pub(crate) by: Ids,
    /// Which process.
    pub(crate) pid: u32,
}

/// What a namespace says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) info: NamespaceInfo,
    pub(crate) settings: Settings,
    /// Inode number of the pid namespace of its own.
    pub(crate) pid_namespace: Option<u64>,
    /// Where its members are, as far as that is settled.
    pub(crate) place: Option<Place>,
    /// When the first member started, in clock ticks since boot.
    pub(crate) first_started: u64,
    /// As of which process of [`Membership`] all listeners are noted.
    pub(crate) noted: Option<u32>,
}

pub(super) type Answer = io::Result<Description>;

/// An order on its way. In a box: a channel keeps room for many.
struct Given {
    /// The nested namespace that it is for, if it is for one.
    nested: Option<u64>,
    order: Order,
    answer: SyncSender<Answer>,
    is_decided: IsDecided,
}

/// Whether an order is being obeyed, or will never be since whoever gave it has waited for too long.
type IsDecided = Arc<AtomicBool>;

/// Where orders to a namespace go.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    nested: Option<u64>,
    channel: Sender<Box<Given>>,
    ready: Arc<OwnedFd>,
}

impl Orders {
    /// Gives an order. Returns how the namespace is afterwards.
    ///
    /// # Errors
    /// `TimedOut` if the namespace has not begun to obey within a second, and will not; `NotFound` if it has ended.
    pub(crate) fn give(&self, order: Order) -> Answer {
        self.give_within(PATIENCE, order)
    }

    /// As [`Orders::give`], with that much patience.
    ///
    /// # Errors
    /// As of [`Orders::give`].
    pub(crate) fn give_within(&self, patience: Duration, order: Order) -> Answer {
        let (answered, is_decided) = self.send(order)?;
        match answered.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) if !is_decided.swap(true, Ordering::AcqRel) => {
                Err(io::ErrorKind::TimedOut.into())
            }
            // It has ended, or what is being obeyed cannot be taken back.
            Err(_) => answered.recv().map_err(|_| io::Error::from(io::ErrorKind::NotFound))?,
        }
    }

    /// As [`Orders::give_within`], also where it is being obeyed by then: for what somebody else may answer instead.
    ///
    /// # Errors
    /// As of [`Orders::give`], but it may be obeyed still.
    pub(super) fn give_at_most(&self, patience: Duration, order: Order) -> Answer {
        let (answered, is_decided) = self.send(order)?;
        match answered.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                is_decided.store(true, Ordering::Release);
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// To a namespace of the host.
    ///
    /// # Errors
    /// Those of `eventfd(2)`.
    pub(super) fn new() -> io::Result<(Orders, Arriving)> {
        let (sender, receiver) = channel();
        let ready = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let orders = Orders { nested: None, channel: sender, ready: Arc::clone(&ready) };
        Ok((orders, Arriving { channel: receiver, ready }))
    }

    /// Where nobody obeys.
    #[cfg(test)]
    pub(crate) fn to_nobody() -> Orders {
        Orders::new().unwrap().0
    }

    /// Whether they are for a namespace that the host has made.
    pub(crate) fn is_of_root(&self) -> bool {
        self.nested.is_none()
    }

    /// Gives an order, and waits for no answer.
    pub(crate) fn leave(&self, order: Order) {
        // A namespace that has ended needs none.
        let _ = self.send(order);
    }

    /// Where orders to a namespace go that is inside this one.
    pub(crate) fn of_nested(&self, contid: u64) -> Orders {
        Orders { nested: Some(contid), ..self.clone() }
    }

    fn send(&self, order: Order) -> io::Result<(Receiver<Answer>, IsDecided)> {
        let (answer, answered) = sync_channel(1);
        let is_decided = IsDecided::default();
        let given = Given { nested: self.nested, order, answer, is_decided: Arc::clone(&is_decided) };
        self.channel.send(Box::new(given)).map_err(|_| io::ErrorKind::NotFound)?;
        let _ = rustix::io::write(&self.ready, &1_u64.to_ne_bytes());
        Ok((answered, is_decided))
    }
}

/// Where the orders to a namespace arrive.
#[derive(Debug)]
pub(super) struct Arriving {
    channel: Receiver<Box<Given>>,
    ready: Arc<OwnedFd>,
}

impl Arriving {
    /// Obeys what has arrived, but for what nobody waits for any more. `begin` has what it takes, for which one may have to wait:
    /// until then whoever has given an order may give it up.
    pub(super) fn obey<S>(
        &self,
        mut begin: impl FnMut() -> S,
        mut obey: impl FnMut(&mut S, Option<u64>, Order) -> Answer,
    ) {
        let _ = rustix::io::read(&self.ready, &mut [0; 8]);
        while let Ok(given) = self.channel.try_recv() {
            let Given { nested, order, answer, is_decided } = *given;
            let mut held = begin();
            if !is_decided.swap(true, Ordering::AcqRel) {
                let told = obey(&mut held, nested, order);
                drop(held);
                let _ = answer.send(told);
            }
        }
    }
}

/// Readable while something has arrived.
impl AsFd for Arriving {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    const SHORT: Duration = Duration::from_millis(20);

    #[test]
    fn an_order_that_was_not_obeyed_in_time_never_is() {
        let (orders, arriving) = Orders::new().unwrap();
        let late = orders.give_within(SHORT, Order::SetRateLimit(7)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        orders.leave(Order::SetRateLimit(8));
        let mut obeyed = Vec::new();
        let obey = |(): &mut (), nested: Option<u64>, order: Order| {
            obeyed.push(format!("{nested:?} {order:?}"));
            Err(io::ErrorKind::Other.into())
        };
        arriving.obey(|| (), obey);
        assert_eq!(obeyed, ["None SetRateLimit(8)"], "nobody waits for an answer to it, and it is obeyed");
    }

    #[test]
    fn an_order_that_is_being_obeyed_is_waited_for() {
        let (orders, arriving) = Orders::new().unwrap();
        let inside = orders.of_nested(3);
        thread::scope(|scope| {
            let (begun, begins) = channel();
            scope.spawn(move || {
                let ready = || rustix::event::PollFd::new(&arriving, rustix::event::PollFlags::IN);
                rustix::event::poll(&mut [ready()], None).unwrap();
                let obey = |(): &mut (), nested: Option<u64>, _: Order| {
                    begun.send(nested).unwrap();
                    // Longer than whoever has given it would wait for it to begin.
                    thread::sleep(30 * SHORT);
                    Err(io::ErrorKind::AddrInUse.into())
                };
                arriving.obey(|| (), obey);
            });
            let answer = inside.give_within(10 * SHORT, Order::Describe).unwrap_err().kind();
            match begins.try_recv() {
                Ok(nested) => assert_eq!((nested, answer), (Some(3), io::ErrorKind::AddrInUse)),
                Err(_) => assert_eq!(answer, io::ErrorKind::TimedOut, "the other thread stood still"),
            }
        });
        assert_eq!(orders.give_within(SHORT, Order::Describe).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_somebody_else_may_answer_is_not_waited_for_any_longer() {
        let (orders, arriving) = Orders::new().unwrap();
        let (done, is_done) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let ready = || rustix::event::PollFd::new(&arriving, rustix::event::PollFlags::IN);
                rustix::event::poll(&mut [ready()], None).unwrap();
                arriving.obey(
                    || (),
                    |(), _, _| {
                        let _ = is_done.recv();
                        Err(io::ErrorKind::Other.into())
                    },
                );
            });
            let late = orders.give_at_most(SHORT, Order::Describe).unwrap_err().kind();
            drop(done);
            assert_eq!(late, io::ErrorKind::TimedOut);
        });
    }
}
