//! Loading the program, and attaching it to connections.

use crate::object::{self, Programs, SLOTS_MIN, slots_for};
use crate::skeleton::AuditnsSkel;
use crate::slots::{NoSlot, Slots};
use crate::{AttachError, LoadError, Watched, trial};
use rustix::net::sockopt::socket_cookie;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Most connections that can be noted, and the kernel memory that takes in bytes: 128 times as many.
pub const SLOTS_MAX: u32 = 65_536;

/// The loaded program, which can be attached to connections.
///
/// It stays attached when this is dropped, and so does what it notes.
#[derive(Debug)]
pub struct Steering {
    program: OwnedFd,
    map: OwnedFd,
    slots: Arc<Slots>,
}

/// A loaded program on its way to another process.
#[derive(Debug)]
pub struct Parts {
    /// The program.
    pub program: OwnedFd,
    /// The memory that it shares.
    pub map: OwnedFd,
    /// How many slots that has.
    pub slots: u32,
}

impl Steering {
    /// Loads the program for about `connections` at a time and tries it on a socket pair. Needs `CAP_BPF` and
    /// `CAP_PERFMON`; nothing later needs a capability or `bpf(2)`.
    ///
    /// Twice as many slots are made, up to [`SLOTS_MAX`]: 256 bytes of kernel memory for each connection, at most 8 MiB.
    pub fn load(connections: u32) -> Result<Steering, LoadError> {
        let count = slots_for(connections);
        let mut storage = MaybeUninit::uninit();
        let steering = Steering::of(&object::load(&mut storage, Programs::Steering, count)?, count)?;
        trial::run(&steering)?;
        Ok(steering)
    }

    /// That of a loaded object with so many slots.
    pub(crate) fn of(object: &AuditnsSkel<'_>, count: u32) -> Result<Steering, LoadError> {
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map_err(LoadError::Descriptor);
        let (program, map) = (copy(object.progs.steering.as_fd())?, copy(object.maps.slots.as_fd())?);
        let slots = Slots::map(map.as_fd(), count).map_err(LoadError::Map)?;
        Ok(Steering { program, map, slots: Arc::new(slots) })
    }

    /// Hands the program over: a process that loads it reads megabytes of type information, and needs capabilities that one
    /// which uses it does not.
    pub fn into_parts(self) -> Parts {
        Parts { program: self.program, map: self.map, slots: self.slots.count() }
    }

    /// Takes up what a process of the same build has loaded.
    ///
    /// # Errors
    /// Those of mapping the memory, `EINVAL` if there are not as many slots.
    pub fn from_parts(parts: Parts) -> io::Result<Steering> {
        let Parts { program, map, slots } = parts;
        if !slots.is_power_of_two() || !(SLOTS_MIN..=SLOTS_MAX).contains(&slots) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let slots = Arc::new(Slots::map(map.as_fd(), slots)?);
        Ok(Steering { program, map, slots })
    }

    /// How many connections can be noted at most. A few less may fit, because a socket's place depends on its cookie.
    pub fn slots(&self) -> u32 {
        self.slots.count()
    }

    /// Attaches the program to the receiving end of a `SOCK_SEQPACKET` pair. A program that is attached already, be it
    /// that of a process before this one, is replaced.
    pub fn attach(&self, receiver: BorrowedFd<'_>) -> Result<Watched, AttachError> {
        let cookie = socket_cookie(receiver).map_err(|error| AttachError::Cookie(error.into()))?;
        let index = self.slots.take(cookie).map_err(|none| match none {
            NoSlot::Same => AttachError::Watched { cookie },
            NoSlot::Full => AttachError::NoSlot { cookie, slots: self.slots.count() },
        })?;
        let watched = Watched::new(Arc::clone(&self.slots), index);
        attach(receiver, self.program.as_fd()).map_err(AttachError::Filter)?;
        Ok(watched)
    }
}

/// `SO_ATTACH_BPF`.
fn attach(socket: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let program = program.as_raw_fd();
    let length = libc::socklen_t::try_from(size_of_val(&program)).map_err(io::Error::other)?;
    // SAFETY: the option's value is the descriptor number, which the kernel copies.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_BPF,
            (&raw const program).cast(),
            length,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
