//! Fixed-size payloads of control messages: status, features, TTY auditing, signal info.
//!
//! All fields are 32 bits in host byte order. A request may be shorter or longer than its structure: what is
//! missing reads as zero, what is too much is ignored (`audit_receive_msg`, "guard against past and future API
//! changes").

use serde::{Deserialize, Serialize};

/// Reads word `index`, with zeros where the payload ends.
fn word(payload: &[u8], index: usize) -> u32 {
    let mut bytes = [0; 4];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = payload.get(index * 4 + at).copied().unwrap_or(0);
    }
    u32::from_ne_bytes(bytes)
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_ne_bytes()).collect()
}

/// `struct audit_status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Which fields an `AUDIT_SET` changes (`MASK_*`); 0 in replies.
    pub mask: u32,
    /// 0 off, 1 on, 2 on and locked.
    pub enabled: u32,
    /// What a lost record does: 0 nothing, 1 a message, 2 a panic.
    pub failure: u32,
    /// The registered audit daemon's thread-group id, 0 for none.
    pub pid: u32,
    /// Records per second, 0 for no limit.
    pub rate_limit: u32,
    /// Queue length in records from which senders wait, 0 for no limit.
    pub backlog_limit: u32,
    /// Records lost so far.
    pub lost: u32,
    /// Records in the main queue.
    pub backlog: u32,
    /// Supported extensions; 0x7f on Linux 5.9 and later.
    pub feature_bitmap: u32,
    /// How long a sender waits over the limit, in jiffies.
    pub backlog_wait_time: u32,
    /// How long senders have waited so far, in jiffies.
    pub backlog_wait_time_actual: u32,
}

impl Status {
    /// Size of the structure in bytes.
    pub const LENGTH: usize = 44;
    /// `AUDIT_STATUS_ENABLED`.
    pub const MASK_ENABLED: u32 = 0x01;
    /// `AUDIT_STATUS_FAILURE`.
    pub const MASK_FAILURE: u32 = 0x02;
    /// `AUDIT_STATUS_PID`.
    pub const MASK_PID: u32 = 0x04;
    /// `AUDIT_STATUS_RATE_LIMIT`.
    pub const MASK_RATE_LIMIT: u32 = 0x08;
    /// `AUDIT_STATUS_BACKLOG_LIMIT`.
    pub const MASK_BACKLOG_LIMIT: u32 = 0x10;
    /// `AUDIT_STATUS_BACKLOG_WAIT_TIME`.
    pub const MASK_BACKLOG_WAIT_TIME: u32 = 0x20;
    /// `AUDIT_STATUS_LOST`: resets the counter, only when it is the whole mask.
    pub const MASK_LOST: u32 = 0x40;
    /// `AUDIT_STATUS_BACKLOG_WAIT_TIME_ACTUAL`: resets the counter, only when it is the whole mask.
    pub const MASK_BACKLOG_WAIT_TIME_ACTUAL: u32 = 0x80;
    /// `AUDIT_FEATURE_BITMAP_ALL` of Linux 5.9 and later.
    pub const FEATURE_BITMAP: u32 = 0x7f;

    /// Reads a request; missing bytes are zero.
    pub fn decode(payload: &[u8]) -> Status {
        Status {
            mask: word(payload, 0),
            enabled: word(payload, 1),
            failure: word(payload, 2),
            pid: word(payload, 3),
            rate_limit: word(payload, 4),
            backlog_limit: word(payload, 5),
            lost: word(payload, 6),
            backlog: word(payload, 7),
            feature_bitmap: word(payload, 8),
            backlog_wait_time: word(payload, 9),
            backlog_wait_time_actual: word(payload, 10),
        }
    }

    /// The 44 bytes of a reply.
    pub fn encode(&self) -> Vec<u8> {
        words(&[
            self.mask,
            self.enabled,
            self.failure,
            self.pid,
            self.rate_limit,
            self.backlog_limit,
            self.lost,
            self.backlog,
            self.feature_bitmap,
            self.backlog_wait_time,
            self.backlog_wait_time_actual,
        ])
    }
}

/// `struct audit_features`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// `AUDIT_FEATURE_VERSION`, 1 in replies; ignored in requests.
    pub version: u32,
    /// Which bits a request is about; all ones in replies.
    pub mask: u32,
    /// Bit values.
    pub features: u32,
    /// Bits that can no longer change.
    pub lock: u32,
}

impl Features {
    /// Size of the structure in bytes; a shorter request is refused.
    pub const LENGTH: usize = 16;

    /// Reads a request; `None` when it is shorter than the structure.
    pub fn decode(payload: &[u8]) -> Option<Features> {
        (payload.len() >= Features::LENGTH).then(|| Features {
            version: word(payload, 0),
            mask: word(payload, 1),
            features: word(payload, 2),
            lock: word(payload, 3),
        })
    }

    /// The 16 bytes of a reply.
    pub fn encode(&self) -> Vec<u8> {
        words(&[self.version, self.mask, self.features, self.lock])
    }
}

/// `struct audit_tty_status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TtyStatus {
    /// 1 while the process's terminal input is audited.
    pub enabled: u32,
    /// 1 while input without echo (passwords) is audited too.
    pub log_passwd: u32,
}

impl TtyStatus {
    /// Reads a request; missing bytes are zero.
    pub fn decode(payload: &[u8]) -> TtyStatus {
        TtyStatus { enabled: word(payload, 0), log_passwd: word(payload, 1) }
    }

    /// The 8 bytes of a reply.
    pub fn encode(&self) -> Vec<u8> {
        words(&[self.enabled, self.log_passwd])
    }
}

/// `struct audit_sig_info` without a security context, which is how a kernel without an LSM answers: exactly 8
/// bytes, because audit clients take any other length for the presence of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalInfo {
    /// Login user id of the signal's sender if set, else its user id; all ones initially.
    pub uid: u32,
    /// Thread-group id of the signal's sender; -1 initially.
    pub pid: i32,
}

impl SignalInfo {
    /// The 8 bytes of a reply.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.uid.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&self.pid.to_ne_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_status_reads_as_zeros() {
        let full: Vec<u8> = (1..=11u32).flat_map(u32::to_ne_bytes).collect();
        for length in 0..=full.len() {
            let mut padded = full[..length].to_vec();
            padded.resize(Status::LENGTH, 0);
            assert_eq!(Status::decode(&full[..length]), Status::decode(&padded), "{length} bytes");
        }
        assert_eq!(Status::decode(&[]), Status::default());
        assert_eq!(Status::decode(&full).encode(), full);
    }

    #[test]
    fn a_partial_word_keeps_the_bytes_that_came() {
        assert_eq!(Status::decode(&[0xff]).mask.to_ne_bytes(), [0xff, 0, 0, 0]);
    }

    #[test]
    fn features_need_all_sixteen_bytes() {
        assert_eq!(Features::decode(&[0; 15]), None);
        let features = Features { version: 1, mask: 3, features: 2, lock: 0 };
        assert_eq!(Features::decode(&features.encode()), Some(features));
        assert!(Features::decode(&[0; 64]).is_some());
    }

    #[test]
    fn signal_info_is_eight_bytes() {
        assert_eq!(SignalInfo { uid: u32::MAX, pid: -1 }.encode(), [0xff; 8]);
    }

    #[test]
    fn tty_status_round_trip() {
        let tty = TtyStatus { enabled: 1, log_passwd: 1 };
        assert_eq!(TtyStatus::decode(&tty.encode()), tty);
        assert_eq!(TtyStatus::decode(&tty.encode()[..4]), TtyStatus { enabled: 1, log_passwd: 0 });
    }
}
