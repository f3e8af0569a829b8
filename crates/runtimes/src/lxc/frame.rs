//! One message of a monitor, and its answer.

/// Bytes of the header: 8 reserved, the monitor's and the container's process id with 4 each, three lengths with 2 each,
/// padding, and the cookie's length with 8. Everything is in the host's byte order.
const HEADER: usize = 32;
/// Bytes of `struct seccomp_notif`, of `struct seccomp_notif_resp` and of `struct seccomp_data` of the first kernel that has
/// them; later ones can only be longer.
const LENGTHS_MIN: [u16; 3] = [80, 24, 64];
/// Longest of these structures that are taken, in bytes.
const LENGTH_MAX: u16 = 512;
/// Longest cookie that is taken, in bytes.
const COOKIE_MAX: usize = 64;

/// Where a descriptor is among those that come with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptor {
    /// The folder of the caller below `/proc`.
    Process = 0,
    /// The caller's memory.
    Memory = 1,
    /// The listener that the call was taken from.
    Listener = 2,
}

/// Why a message is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It has less than a header.
    #[error(
        "a message of {0} bytes came where LXC sends at least {HEADER}; check what connects to the socket"
    )]
    NoHeader(usize),
    /// Something is reserved and set.
    #[error(
        "the reserved part of a message is {0:#x} and not 0; this LXC is too new, check for an update of auditns"
    )]
    Reserved(u64),
    /// A process id is none.
    #[error("a message names the process {0}; process ids are positive, check what connects to the socket")]
    Process(i32),
    /// A structure of the kernel's is shorter than any kernel has it, or longer than is taken.
    #[error(
        "a message says that the kernel's structures have {0:?} bytes; at least {LENGTHS_MIN:?} and at most {LENGTH_MAX} are \
         understood, check what connects to the socket"
    )]
    Lengths([u16; 3]),
    /// The cookie is too long.
    #[error(
        "a message has a cookie of {0} bytes, and at most {COOKIE_MAX} are taken; shorten lxc.seccomp.notify.cookie"
    )]
    Cookie(u64),
    /// The length is not that of its parts.
    #[error(
        "a message has {found} bytes where its header tells of {expected}; check what connects to the socket"
    )]
    Length {
        /// As the header tells.
        expected: usize,
        /// As it came.
        found: usize,
    },
}

/// What is answered to a call: the fields of `struct seccomp_notif_resp` after the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the call returns if there is no error.
    pub value: i64,
    /// 0, or an error number as a negative number.
    pub error: i32,
    /// Flags of the kernel's interface; 1 lets the kernel run the call.
    pub flags: u32,
}

/// A message of a monitor: a call that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Header, call, room for the answer, cookie.
    bytes: Vec<u8>,
    monitor_pid: u32,
    init_pid: u32,
    call: usize,
    answer: usize,
}

impl Frame {
    /// Longest message, in bytes. The cookie is at most 64 bytes of it.
    pub const LENGTH_MAX: usize = HEADER + 2 * LENGTH_MAX as usize + COOKIE_MAX;

    /// Reads a message.
    ///
    /// # Errors
    /// See [`FrameError`]. Only what is exactly as long as it says is taken.
    pub fn parse(bytes: &[u8]) -> Result<Frame, FrameError> {
        let header: &[u8; HEADER] = bytes.first_chunk().ok_or(FrameError::NoHeader(bytes.len()))?;
        let reserved = u64::from_ne_bytes(field(header, 0));
        if reserved != 0 {
            return Err(FrameError::Reserved(reserved));
        }
        let monitor_pid = process(i32::from_ne_bytes(field(header, 8)))?;
        let init_pid = process(i32::from_ne_bytes(field(header, 12)))?;
        let lengths = [16, 18, 20].map(|at| u16::from_ne_bytes(field(header, at)));
        let taken = |(length, least): (&u16, u16)| (least..=LENGTH_MAX).contains(length);
        if !lengths.iter().zip(LENGTHS_MIN).all(taken) {
            return Err(FrameError::Lengths(lengths));
        }
        let cookie = u64::from_ne_bytes(field(header, 24));
        let cookie = usize::try_from(cookie).ok().filter(|length| *length <= COOKIE_MAX);
        let cookie = cookie.ok_or(FrameError::Cookie(u64::from_ne_bytes(field(header, 24))))?;
        let [call, answer, _] = lengths.map(usize::from);
        let expected = HEADER + call + answer + cookie;
        if bytes.len() != expected {
            return Err(FrameError::Length { expected, found: bytes.len() });
        }
        Ok(Frame { bytes: bytes.to_vec(), monitor_pid, init_pid, call, answer })
    }

    /// The monitor, as it sees itself.
    pub fn monitor_pid(&self) -> u32 {
        self.monitor_pid
    }

    /// The process that the container began with, as the monitor sees it.
    pub fn init_pid(&self) -> u32 {
        self.init_pid
    }

    /// The call as the kernel wrote it (`struct seccomp_notif`), at least 80 bytes.
    pub fn call(&self) -> &[u8] {
        self.bytes.get(HEADER..HEADER + self.call).unwrap_or_default()
    }

    /// What the container's configuration gives as `lxc.seccomp.notify.cookie`; empty if it gives nothing.
    pub fn cookie(&self) -> &[u8] {
        self.bytes.get(HEADER + self.call + self.answer..).unwrap_or_default()
    }

    /// The message that answers the call: as it came, with the answer and without the cookie.
    pub fn answer(&self, answer: Answer) -> Vec<u8> {
        let mut message = self.bytes.get(..HEADER + self.call).unwrap_or_default().to_vec();
        // The number of the call comes first in both structures.
        message.extend_from_slice(self.call().get(..8).unwrap_or_default());
        message.extend_from_slice(&answer.value.to_ne_bytes());
        message.extend_from_slice(&answer.error.to_ne_bytes());
        message.extend_from_slice(&answer.flags.to_ne_bytes());
        message.resize(HEADER + self.call + self.answer, 0);
        message
    }
}

/// A field of the header. All are within.
fn field<const LENGTH: usize>(header: &[u8; HEADER], at: usize) -> [u8; LENGTH] {
    header.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; LENGTH])
}

fn process(pid: i32) -> Result<u32, FrameError> {
    u32::try_from(pid).ok().filter(|pid| *pid != 0).ok_or(FrameError::Process(pid))
}

#[cfg(test)]
mod tests;
