//! The smallest input that still fails, as far as leaving out and simplifying find it.

/// Inputs that are tried at most: an input of 4 KiB takes some thousand.
const ATTEMPTS: usize = 20_000;

/// Shortens the input while `fails` says so, then turns bytes into zeros.
pub(crate) fn shrink(mut bytes: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut left = ATTEMPTS;
    let mut attempt = |bytes: &[u8]| {
        left = left.saturating_sub(1);
        left > 0 && fails(bytes)
    };
    loop {
        let before = bytes.clone();
        let mut size = bytes.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < bytes.len() {
                let mut shorter = bytes.clone();
                shorter.drain(at..(at + size).min(bytes.len()));
                if attempt(&shorter) { bytes = shorter } else { at += size }
            }
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
        for at in 0..bytes.len() {
            let mut simpler = bytes.clone();
            if std::mem::take(&mut simpler[at]) != 0 && attempt(&simpler) {
                bytes = simpler;
            }
        }
        if bytes == before {
            return bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failure_does_not_need_is_left_out() {
        let long: Vec<u8> = (0..=255).chain(0..=255).collect();
        let small = shrink(long, |bytes| bytes.windows(3).any(|three| three[0] == 7 && three[2] == 9));
        assert_eq!(small, [7, 0, 9]);
    }
}
