//! Memory that was freed and that the C library still has.
//!
//! It keeps several heaps, each as large as it once was: a burst in one thread stays with the process for ever.

use std::io;

/// Resident memory of this process may grow by as much, in bytes, before the heaps are looked through.
const GROWTH: u64 = 8 << 20;

/// Gives freed memory back to the kernel now and then.
#[derive(Debug, Default)]
pub struct Heap {
    /// What was resident when that was done last, in bytes.
    resident: u64,
}

impl Heap {
    /// Gives back what is free, if the process has grown since the last time. Returns whether it has looked. Threads that want
    /// memory of a heap wait while that is looked through.
    ///
    /// # Errors
    /// Those of reading `/proc/self/statm`.
    pub fn give_back(&mut self) -> io::Result<bool> {
        let grown = resident()? > self.resident.saturating_add(GROWTH);
        if grown {
            trim();
        }
        self.resident = if grown { resident()? } else { self.resident.min(resident()?) };
        Ok(grown)
    }
}

/// Resident memory in bytes.
fn resident() -> io::Result<u64> {
    let sizes = std::fs::read_to_string("/proc/self/statm")?;
    let pages = sizes.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages
        .map(|pages| pages * rustix::param::page_size() as u64)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it may be called at any time, from any thread; it changes nothing that is allocated.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries give back by themselves.
#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_has_freed_is_given_back_and_nobody_looks_for_nothing() {
        const SIZE: usize = 64 << 20;
        let mut heap = Heap::default();
        heap.give_back().unwrap();
        assert!(!heap.give_back().unwrap(), "nothing has grown");
        let begin = resident().unwrap();
        // Small pieces, of which one stays behind the others.
        let last = std::thread::spawn(|| {
            let mut pieces: Vec<Vec<u8>> = (0..SIZE / 1024).map(|_| vec![1; 1024]).collect();
            pieces.pop()
        });
        let last = last.join().unwrap();
        let kept = resident().unwrap() - begin;
        assert!(
            kept > SIZE as u64 / 2,
            "the C library has given {kept} bytes back by itself; this test is of no use"
        );
        assert!(heap.give_back().unwrap());
        let left = resident().unwrap().saturating_sub(begin);
        assert!(left < kept / 4, "{left} of {kept} bytes are left");
        drop(last);
    }
}
