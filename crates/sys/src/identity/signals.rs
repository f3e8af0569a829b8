//! Signals that wait for a thread.

use super::procfs;
use std::io;

/// A signal that waits and that the thread does not block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// None does.
    Nothing,
    /// One that this thread will take.
    Own,
    /// One of its process, which another of its threads may take.
    Shared,
}

/// What waits for a thread. One that waits in a notified call takes no signal before the call is answered, except a fatal
/// one. Of a thread that is gone nothing waits.
pub fn pending(tid: u32) -> Pending {
    procfs::read_text(tid, "status").and_then(|status| pending_in(&status)).unwrap_or(Pending::Nothing)
}

fn pending_in(status: &str) -> io::Result<Pending> {
    let set = |label| {
        u64::from_str_radix(procfs::status_field(status, label)?, 16).map_err(|_| procfs::malformed(label))
    };
    let blocked = set("SigBlk")?;
    let alone = procfs::status_field(status, "Threads")? == "1";
    let (own, shared) = (set("SigPnd")? & !blocked, set("ShdPnd")? & !blocked);
    Ok(if own != 0 || (shared != 0 && alone) {
        Pending::Own
    } else if shared != 0 {
        Pending::Shared
    } else {
        Pending::Nothing
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_signals_do_not_count() {
        let read = |threads: u32, own: u64, shared: u64, blocked: u64| {
            let sets = format!("SigPnd:\t{own:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t{blocked:016x}\n");
            pending_in(&format!("Name:\tx\nThreads:\t{threads}\n{sets}")).unwrap()
        };
        assert_eq!(read(1, 0, 0, 0), Pending::Nothing);
        assert_eq!(read(2, 1 << 13, 1 << 14, 1 << 13), Pending::Shared);
        assert_eq!(read(1, 1 << 13, 1 << 14, 1 << 13), Pending::Own, "there is no other thread");
        assert_eq!(read(2, 1 << 63, 0, 1 << 13), Pending::Own);
        assert_eq!(read(2, 6, 6, 6), Pending::Nothing);
        assert!(pending_in("SigPnd:\tx\n").is_err() && pending_in("").is_err());
        assert_eq!(pending(0x3fff_fff0), Pending::Nothing);
    }

    #[test]
    fn a_signal_that_waits_is_seen() {
        let own = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
        assert_eq!(pending(own), Pending::Nothing);
    }
}
