//! Numbers of namespaces.

use rustix::rand::{GetRandomFlags, getrandom};
use std::time::{SystemTime, UNIX_EPOCH};

/// Random bits below the time; they tell apart what begins in the same microsecond.
const RANDOM_BITS: u32 = 12;

/// A number for a namespace that no namespace of this host has had or will have: microseconds since 1970, then 12
/// random bits. It needs no file and no privilege, and numbers sort by time. Fits a `u64` until the year 2112.
pub fn new_contid() -> u64 {
    let microseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
    let mut random = [0; 2];
    // Before the kernel's generator is ready there are no containers; a failure leaves zeros, and the time decides.
    let _ = getrandom(&mut random, GetRandomFlags::empty());
    let low = u64::from(u16::from_ne_bytes(random)) & ((1 << RANDOM_BITS) - 1);
    (u64::try_from(microseconds).unwrap_or(u64::MAX) << RANDOM_BITS) | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_with_time_and_do_not_repeat() {
        let mut previous = new_contid();
        for _ in 0..100 {
            std::thread::sleep(std::time::Duration::from_micros(2));
            let next = new_contid();
            assert!(next > previous);
            previous = next;
        }
    }
}
