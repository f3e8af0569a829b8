//! A call for whose answer a monitor waits.

use super::connection::Connection;
use super::refusal;
use auditns_runtimes::lxc::{Answer, Frame};
use auditns_sys::Notification;
use auditns_sys::listener::{Answerer, Response};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The flag of an answer that lets the kernel run the call.
const CONTINUE: u32 = 1;

/// It is answered once, by whoever comes first.
#[derive(Debug)]
pub(super) struct Pending {
    connection: Arc<Connection>,
    frame: Frame,
    call: Notification,
    answered: Mutex<bool>,
    changed: Condvar,
}

impl Pending {
    /// A call that is the next message of its connection.
    pub(super) fn new(connection: Arc<Connection>, frame: Frame, call: Notification) -> Arc<Pending> {
        let (answered, changed) = (Mutex::new(false), Condvar::new());
        Arc::new(Pending { connection, frame, call, answered, changed })
    }

    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    pub(super) fn call(&self) -> Notification {
        self.call
    }

    /// What answers the call. When it is dropped without, the call is refused.
    pub(super) fn answerer(self: &Arc<Pending>) -> Handle {
        Handle(Arc::clone(self))
    }

    /// Waits until the call is answered, at most for this time. Returns whether it is.
    pub(super) fn wait(&self, longest: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.answered(), longest, |answered| !*answered);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Says that there is no audit, or lets the kernel run the call, unless it was answered.
    pub(super) fn refuse(&self) {
        let answer = match refusal(&self.call) {
            Some(errno) => Answer { error: -errno.raw_os_error(), ..Answer::default() },
            None => Answer { flags: CONTINUE, ..Answer::default() },
        };
        // A monitor that is gone needs no answer.
        let _ = self.answer(answer);
    }

    fn answer(&self, answer: Answer) -> io::Result<()> {
        let mut answered = self.answered();
        if *answered {
            return Err(io::ErrorKind::NotFound.into());
        }
        *answered = true;
        // Whoever waits looks for the next message only after it.
        let told = self.connection.answer(&self.frame.answer(answer));
        self.changed.notify_all();
        told
    }

    fn answered(&self) -> MutexGuard<'_, bool> {
        // Nothing panics while it holds the lock.
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one call.
#[derive(Debug)]
pub(super) struct Handle(Arc<Pending>);

impl Answerer for Handle {
    fn answer(&self, response: Response) -> io::Result<()> {
        let Response { id, value, error, flags } = response;
        if id != self.0.call.id {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.0.answer(Answer { value, error, flags })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.refuse();
    }
}
