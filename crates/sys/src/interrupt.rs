//! System calls that are given up after a while.

use crate::raw::check;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::time::Duration;

/// Nobody sends it to a supervisor; without a handler it is ignored (`signal(7)`).
const SIGNAL: libc::c_int = libc::SIGURG;

thread_local! {
    static TIMER: Option<Timer> = Timer::of_this_thread().ok();
}

/// Does something whose system calls fail with `EINTR` from `time` on, again and again until it is over: one that begins late is
/// interrupted as well. Afterwards nothing is. `None`, and nothing is done, if this thread can have no timer.
pub(crate) fn after<T>(time: Duration, work: impl FnOnce() -> T) -> Option<T> {
    TIMER.with(|timer| {
        let timer = timer.as_ref()?;
        timer.set(time).ok()?;
        let result = work();
        // A signal that was sent before is here when this returns (kernel: `hrtimer_cancel`), so it interrupts nothing else.
        let _ = timer.set(Duration::ZERO);
        Some(result)
    })
}

/// A timer that interrupts the thread that has made it.
struct Timer(libc::timer_t);

impl Timer {
    fn of_this_thread() -> io::Result<Timer> {
        static HANDLED: OnceLock<bool> = OnceLock::new();
        if !HANDLED.get_or_init(|| handle().is_ok()) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // SAFETY: a sigevent of zeros is a valid one.
        let mut event: libc::sigevent = unsafe { MaybeUninit::zeroed().assume_init() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = SIGNAL;
        event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_nonzero().get();
        let mut timer = MaybeUninit::uninit();
        // SAFETY: both structures live for the length of the call, which writes the second one if it succeeds.
        check(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, timer.as_mut_ptr()) })?;
        // SAFETY: timer_create has succeeded.
        Ok(Timer(unsafe { timer.assume_init() }))
    }

    /// It goes off after that time and each time as long; never, if that is nothing.
    fn set(&self, time: Duration) -> io::Result<()> {
        let time = libc::timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        let times = libc::itimerspec { it_interval: time, it_value: time };
        // SAFETY: the timer exists as long as this value; the new times live for the length of the call, no old ones are asked for.
        check(unsafe { libc::timer_settime(self.0, 0, &raw const times, ptr::null_mut()) }).map(|_| ())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: timer_create has given the timer to this value alone.
        let _ = unsafe { libc::timer_delete(self.0) };
    }
}

/// Lets the signal interrupt calls and do nothing else.
fn handle() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a sigaction of zeros is a valid one: no flag, so that calls are not restarted, and an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing, which any thread may do at any time.
    check(unsafe { libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) }).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use std::time::Instant;

    const SOON: Duration = Duration::from_millis(5);
    const LATE: Duration = Duration::from_secs(20);

    /// Waits for what does not come.
    fn wait(for_at_most: Duration) -> Result<usize, Errno> {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let time = Timespec::try_from(for_at_most).unwrap();
        poll(&mut [PollFd::new(&ours, PollFlags::IN)], Some(&time))
    }

    #[test]
    fn a_call_is_given_up_also_if_it_begins_late() {
        let begun = Instant::now();
        assert_eq!(after(SOON, || wait(LATE)), Some(Err(Errno::INTR)));
        let late = || {
            std::thread::sleep(4 * SOON);
            wait(LATE)
        };
        assert_eq!(after(SOON, late), Some(Err(Errno::INTR)));
        assert!(begun.elapsed() < LATE);
    }

    #[test]
    fn nothing_is_interrupted_afterwards() {
        for _ in 0..20 {
            assert_eq!(after(SOON, || wait(LATE)), Some(Err(Errno::INTR)));
            assert_eq!(wait(2 * SOON), Ok(0));
        }
    }

    #[test]
    fn each_thread_has_its_own() {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| after(SOON, || wait(LATE)))).collect();
        assert_eq!(wait(20 * SOON), Ok(0), "others' timers");
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Some(Err(Errno::INTR)));
        }
    }
}
