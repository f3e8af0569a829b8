//! Answers that another process gives to the kernel.

use std::fmt;
use std::io;

/// An answer to a call, as in `struct seccomp_notif_resp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// See [`crate::Notification::id`].
    pub id: u64,
    /// What the call returns if there is no error.
    pub value: i64,
    /// 0, or an error number as a negative number, -4095 to -1.
    pub error: i32,
    /// 1 lets the kernel run the call; 0 otherwise.
    pub flags: u32,
}

/// Tells answers to the process that has taken a call off its listener.
pub trait Answerer: fmt::Debug + Send + Sync {
    /// Tells the answer to a call. It does not wait for the caller.
    ///
    /// # Errors
    /// Whatever is in the way, or that the call was answered before. The call needs no other answer then.
    fn answer(&self, response: Response) -> io::Result<()>;
}
