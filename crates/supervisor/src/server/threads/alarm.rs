//! A timer that stays set while its thread waits again and again.
//!
//! A call that waits until some time sets a timer, and takes it back when something else comes first. Where that timer is the
//! processor's next one, both mean programming the hardware: some 10 µs each in a virtual machine, for every message. What is
//! due is mostly the same from message to message.

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Event data of the timer.
pub(super) const ALARM_TOKEN: u64 = 13;

/// Ends a wait for events.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    /// On the clock of the time since boot.
    set_for: Duration,
}

impl Alarm {
    /// Of whoever waits for events of this set.
    ///
    /// # Errors
    /// Those of `timerfd_create(2)` and `epoll_ctl(2)`.
    pub(super) fn new(epoll: &OwnedFd) -> io::Result<Alarm> {
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        // Each time that it goes off is one event, and need not be read.
        epoll::add(epoll, &timer, EventData::new_u64(ALARM_TOKEN), EventFlags::IN | EventFlags::ET)?;
        Ok(Alarm { timer, set_for: Duration::ZERO })
    }

    /// It goes off then, or sooner.
    ///
    /// # Errors
    /// Those of `timerfd_settime(2)`.
    pub(super) fn set(&mut self, until: Duration, now: Duration) -> io::Result<()> {
        if now < self.set_for && self.set_for <= until {
            return Ok(());
        }
        let it_value = Timespec::try_from(until).map_err(|_| io::ErrorKind::InvalidInput)?;
        let times = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &times)?;
        self.set_for = until;
        Ok(())
    }
}
