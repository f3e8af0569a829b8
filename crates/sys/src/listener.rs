//! The supervisor's end of a seccomp filter: receive notifications, answer them, inject descriptors.

mod answerer;

pub use answerer::{Answerer, Response};

use crate::filter::SeccompData;
use crate::{interrupt, raw};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::time::Duration;

const ADD_FD_AT_NUMBER: u32 = 1;
const ADD_FD_AND_SEND: u32 = 1 << 1;
const SYNC_WAKE_UP: libc::c_ulong = 1;
const RESPONSE_CONTINUE: u32 = 1;

/// A system call of a member that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Cookie of this call: names it in every answer. Consecutive per listener from a random start.
    pub id: u64,
    /// Thread id of the caller in the supervisor's pid namespace; 0 if it is not visible there.
    pub tid: u32,
    /// What the filter saw: architecture, number, arguments.
    pub data: SeccompData,
    /// Where whoever has several listeners took it from; 0 as it comes from one.
    pub origin: u64,
}

impl Notification {
    /// The call that the kernel wrote as these bytes (`struct seccomp_notif`); `None` if there is none.
    pub fn from_noted(bytes: &[u8]) -> Option<Notification> {
        let word = |at: usize| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let half = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let mut arguments = [0; 6];
        for (number, argument) in arguments.iter_mut().enumerate() {
            *argument = word(32 + 8 * number)?;
        }
        let data = SeccompData {
            number: half(16)?,
            architecture: half(20)?,
            instruction_pointer: word(24)?,
            arguments,
        };
        // The kernel counts ids from a random start, and gives no call the id 0.
        Some(Notification { id: word(0)?, tid: half(8)?, data, origin: 0 }).filter(|found| found.id != 0)
    }
}

/// Why a descriptor could not be injected.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// The call waits no longer: the caller was killed or a signal interrupted it. Nothing needs an answer.
    #[error("the call that asked for a socket waits no longer; drop the socket")]
    Gone,
    /// The caller's table of descriptors is full (its `RLIMIT_NOFILE`). The call still waits: answer it with `EMFILE`.
    #[error("the caller has no free descriptor below its RLIMIT_NOFILE; answer its call with EMFILE")]
    TableFull,
    /// The number that was asked for cannot be used (`RLIMIT_NOFILE` is below it, or it is being taken). The call still
    /// waits: inject at the lowest free number instead.
    #[error("the caller cannot have the descriptor number {0}; inject at the lowest free one")]
    NumberRefused(u32),
    /// The caller's thread has not run in the time that there was ([`Patience::For`]). The call still waits, and has nothing.
    #[error("the caller has not taken its descriptor in time; inject it where others do not wait for that")]
    NotInTime,
    /// Anything else. The call still waits: answer it with an error.
    #[error("a descriptor could not be injected ({0}); answer the call with an error")]
    Other(#[source] io::Error),
}

/// How long the caller's thread is waited for, which has to take a descriptor itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until it has run or is gone.
    Endless,
    /// Hardly longer than this.
    For(Duration),
}

/// A seccomp notification descriptor.
///
/// Put it into epoll for `EPOLLIN`: readable means that [`Listener::receive`] has something. `EPOLLHUP` means that
/// the last task below the filter is gone, which ends the listener's use.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
    receiver: Receiver,
}

/// Who takes calls off the queue.
#[derive(Debug)]
enum Receiver {
    /// Whoever has the value.
    Own,
    /// A proxy. The descriptor is the process whose container it serves.
    ProxyOf,
    /// A proxy, to which answers go.
    Proxy(Box<dyn Answerer>),
}

impl Listener {
    /// What stands for the listeners of a container whose calls a proxy receives: a pidfd of the container's first process.
    /// Nothing is received here. It is hung up, and readable, when the process has ended.
    pub fn of_container(pidfd: OwnedFd) -> Listener {
        Listener { fd: pidfd, receiver: Receiver::ProxyOf }
    }

    /// A listener for a call that a proxy has received and handed on. The proxy answers it with what it is told by the
    /// answerer; descriptors are injected here. Nothing is received.
    pub fn proxied(fd: OwnedFd, answerer: Box<dyn Answerer>) -> Listener {
        Listener { fd, receiver: Receiver::Proxy(answerer) }
    }

    /// Whether a proxy receives its calls: it is one of [`Listener::of_container`] or [`Listener::proxied`].
    pub fn is_proxied(&self) -> bool {
        !matches!(self.receiver, Receiver::Own)
    }

    /// Takes the next call off the queue. `None` if nothing waits, or if what waited went away (a signal or a kill
    /// between readiness and this call): never blocks as long as one thread at a time receives.
    ///
    /// The descriptor has no non-blocking mode (kernel: `seccomp_notify_recv`), so readiness is asked first.
    ///
    /// # Errors
    /// Those of the ioctl other than `ENOENT` and `EINTR`; none is expected on a listener.
    pub fn receive(&self) -> io::Result<Option<Notification>> {
        // The kernel refuses a buffer that is not zero, hence a fresh one each time.
        let mut noted = [0_u64; size_of::<libc::seccomp_notif>() / size_of::<u64>()];
        let place = NonNull::from(&mut noted).cast();
        if !self.receive_noting(place)? {
            return Ok(None);
        }
        let bytes: Vec<u8> = noted.iter().flat_map(|word| word.to_ne_bytes()).collect();
        Ok(Notification::from_noted(&bytes))
    }

    /// Receives into a place that holds zeros, is as long as the structure and is used by nobody else meanwhile. Returns
    /// whether there is a call in it.
    pub(crate) fn receive_noting(&self, mut place: NonNull<libc::seccomp_notif>) -> io::Result<bool> {
        if self.is_proxied() || !self.readiness()?.contains(PollFlags::IN) {
            return Ok(false);
        }
        // SAFETY: the caller vouches for the place, and every bit pattern is a valid structure.
        let structure = unsafe { place.as_mut() };
        // SAFETY: SECCOMP_IOCTL_NOTIF_RECV fills a seccomp_notif, whose fields are integers.
        match unsafe { raw::ioctl_structure(self.fd.as_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, structure) } {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// True once no task lives below the filter any more.
    pub fn is_hung_up(&self) -> io::Result<bool> {
        let gone = match self.receiver {
            Receiver::ProxyOf => PollFlags::IN | PollFlags::HUP,
            Receiver::Own | Receiver::Proxy(_) => PollFlags::HUP,
        };
        Ok(self.readiness()?.intersects(gone))
    }

    /// True while the call waits for its answer. Ask after reading anything of the caller by its thread id: only
    /// then is it certain that the id still meant the caller.
    pub fn is_valid(&self, id: u64) -> bool {
        let mut id = id;
        // SAFETY: SECCOMP_IOCTL_NOTIF_ID_VALID reads a u64.
        unsafe { raw::ioctl_structure(self.fd.as_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &mut id) }.is_ok()
    }

    /// Lets the call fail with `errno` (a positive number, 1 to 4095).
    ///
    /// # Errors
    /// `ENOENT` if the call waits no longer, which is no fault of anybody.
    pub fn answer_errno(&self, id: u64, errno: i32) -> io::Result<()> {
        self.answer(libc::seccomp_notif_resp { id, val: 0, error: -errno.clamp(1, 4095), flags: 0 })
    }

    /// Lets the kernel run the call as if it had not been notified.
    ///
    /// # Errors
    /// As [`Listener::answer_errno`].
    pub fn answer_continue(&self, id: u64) -> io::Result<()> {
        self.answer(libc::seccomp_notif_resp { id, val: 0, error: 0, flags: RESPONSE_CONTINUE })
    }

    /// Lets the call return `value` without running it.
    ///
    /// # Errors
    /// As [`Listener::answer_errno`].
    pub fn answer_value(&self, id: u64, value: i64) -> io::Result<()> {
        self.answer(libc::seccomp_notif_resp { id, val: value, error: 0, flags: 0 })
    }

    /// Puts a copy of `fd` at the lowest free number of the caller's table, with or without close-on-exec, and lets
    /// the call return that number.
    ///
    /// The caller's own thread does it, so this waits until that gets to run. It is two steps. In the one step that the kernel
    /// has (`SECCOMP_ADDFD_FLAG_SEND`), the call returns 0 and the descriptor is nowhere if this thread is interrupted, for
    /// which a stop is enough (kernel: `seccomp_notify_addfd`). Between the two, a signal can take the call away, unless calls
    /// wait killable ([`crate::Launched::wait_killable`]): the call is made again, and the member has one descriptor more.
    ///
    /// # Errors
    /// See [`InjectError`].
    pub fn inject(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags: 0,
            srcfd: fd.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        self.add_descriptor(request, patience)
    }

    /// As [`Listener::inject`], at this number. What the caller has there is closed, so ask
    /// [`crate::descriptors::is_free`] first.
    ///
    /// # Errors
    /// See [`InjectError`].
    pub fn inject_at(
        &self,
        id: u64,
        fd: BorrowedFd<'_>,
        close_on_exec: bool,
        number: u32,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let request = libc::seccomp_notif_addfd {
            id,
            flags: ADD_FD_AT_NUMBER,
            srcfd: fd.as_raw_fd().cast_unsigned(),
            newfd: number,
            newfd_flags: if close_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        self.add_descriptor(request, patience).map_err(|error| match error {
            InjectError::Other(other) if matches!(other.raw_os_error(), Some(libc::EBADF | libc::EBUSY)) => {
                InjectError::NumberRefused(number)
            }
            InjectError::TableFull => InjectError::NumberRefused(number),
            error => error,
        })
    }

    fn add_descriptor(
        &self,
        mut request: libc::seccomp_notif_addfd,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let number = self.request_descriptor(&mut request, patience)?;
        if self.answer_value(request.id, i64::from(number)).is_err() {
            return Err(InjectError::Gone);
        }
        Ok(number)
    }

    fn request_descriptor(
        &self,
        request: &mut libc::seccomp_notif_addfd,
        patience: Patience,
    ) -> Result<i32, InjectError> {
        let mut ask = || {
            // SAFETY: SECCOMP_IOCTL_NOTIF_ADDFD reads a seccomp_notif_addfd.
            unsafe { raw::ioctl_structure(self.fd.as_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, request) }
        };
        loop {
            let asked = match patience {
                Patience::Endless => ask(),
                Patience::For(time) => interrupt::after(time, &mut ask).ok_or(InjectError::NotInTime)?,
            };
            match asked {
                Ok(number) => return Ok(number),
                Err(error) => match error.raw_os_error() {
                    // The kernel has withdrawn the request before it reports the interruption.
                    Some(libc::EINTR) if patience == Patience::Endless => {}
                    Some(libc::EINTR) => return Err(InjectError::NotInTime),
                    Some(libc::ENOENT | libc::EINPROGRESS) => return Err(InjectError::Gone),
                    Some(libc::EMFILE) => return Err(InjectError::TableFull),
                    _ => return Err(InjectError::Other(error)),
                },
            }
        }
    }

    /// Asks the kernel to wake this side on the caller's CPU (Linux 6.6), which saves tens of microseconds a call
    /// where the supervisor may run there. Returns whether the kernel knows the request; without it all works.
    pub fn enable_sync_wake_up(&self) -> bool {
        // SAFETY: SECCOMP_IOCTL_NOTIF_SET_FLAGS takes its flags as a value.
        unsafe { raw::ioctl_value(self.fd.as_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) }
            .is_ok()
    }

    /// Whether the kernel injects and answers in one step (Linux 5.14). It looks at the flags before the id, and no
    /// call has the id that is asked for, as nothing has been received.
    pub(crate) fn knows_inject_and_answer(&self) -> bool {
        let mut request = libc::seccomp_notif_addfd {
            id: 0,
            flags: ADD_FD_AND_SEND,
            srcfd: self.fd.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: 0,
        };
        matches!(self.request_descriptor(&mut request, Patience::Endless), Err(InjectError::Gone))
    }

    fn answer(&self, mut response: libc::seccomp_notif_resp) -> io::Result<()> {
        if let Receiver::Proxy(answerer) = &self.receiver {
            let libc::seccomp_notif_resp { id, val, error, flags } = response;
            return answerer.answer(Response { id, value: val, error, flags });
        }
        // SAFETY: SECCOMP_IOCTL_NOTIF_SEND reads a seccomp_notif_resp.
        unsafe { raw::ioctl_structure(self.fd.as_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &mut response) }
            .map(|_| ())
    }

    fn readiness(&self) -> io::Result<PollFlags> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(_) => Ok(fds[0].revents()),
            Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a descriptor of this process, which somebody else has handed over, is a listener. It touches no file that could
/// block.
pub fn is_listener(fd: BorrowedFd<'_>) -> bool {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    link.is_ok_and(|name| name.as_os_str() == "anon_inode:seccomp notify")
}

impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        Self { fd, receiver: Receiver::Own }
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.fd
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests;
