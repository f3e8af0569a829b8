//! Signals that wait for a thread.

use super::procfs;
use std::io;

/// Whether a signal waits that the thread does not block: one of its own, or one of its process that any of its threads
/// may take. A thread that waits in a notified call does not take it before the call is answered, except a fatal one.
pub fn has_pending_signal(tid: u32) -> bool {
    procfs::read_text(tid, "status").and_then(|status| pending(&status)).is_ok_and(|pending| pending != 0)
}

fn pending(status: &str) -> io::Result<u64> {
    let set = |label| {
        u64::from_str_radix(procfs::status_field(status, label)?, 16).map_err(|_| procfs::malformed(label))
    };
    Ok((set("SigPnd")? | set("ShdPnd")?) & !set("SigBlk")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_signals_do_not_count() {
        let status = |own: u64, shared: u64, blocked: u64| {
            format!("Name:\tx\nSigPnd:\t{own:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t{blocked:016x}\n")
        };
        assert_eq!(pending(&status(0, 0, 0)).unwrap(), 0);
        assert_eq!(pending(&status(1 << 13, 1 << 14, 1 << 13)).unwrap(), 1 << 14);
        assert_eq!(pending(&status(1 << 63, 0, 1 << 13)).unwrap(), 1 << 63);
        assert!(pending("SigPnd:\tx\n").is_err() && pending("").is_err());
        assert!(!has_pending_signal(0x3fff_fff0));
    }

    #[test]
    fn a_signal_that_waits_is_seen() {
        let own = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
        assert!(!has_pending_signal(own));
    }
}
