//! How much a client may take.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at the same time.
    pub(crate) connections: usize,
    /// Of these, those that only root may have.
    pub(crate) for_root: usize,
    /// Connections of a user other than root.
    pub(crate) for_user: usize,
    /// Bytes of a message.
    pub(crate) message: usize,
    /// How long an unused connection is safe from being closed for somebody else's.
    pub(crate) idle: Duration,
    /// How long a message may take from its first byte to its last, and a reply until it is read.
    pub(crate) transfer: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 64,
            for_root: 8,
            for_user: 16,
            message: 256 << 10,
            idle: Duration::from_secs(60),
            transfer: Duration::from_secs(10),
        }
    }
}
