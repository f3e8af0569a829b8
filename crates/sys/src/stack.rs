//! What a thread's stack has taken of memory and does not need any more.
//!
//! A stack stays as large as it once was. Of a thread that has had something to do and mostly waits, that is most of its memory.

use std::ptr;

/// Bytes below the stack pointer that are left alone: the functions called here have their frames there, and the processor's
/// calling convention lets a function use 128 bytes beyond its frame.
const LEFT_ALONE: usize = 2 << 10;

/// Gives the memory of the calling thread's stack back to the kernel that is not in use. Does nothing in the first thread of a
/// process, whose stack the kernel manages, and where the C library cannot tell where the stack is.
pub fn give_back() {
    if rustix::thread::gettid() == rustix::process::getpid() {
        return;
    }
    let Some(lowest) = lowest_address() else { return };
    let page = rustix::param::page_size();
    let here = ptr::from_ref(&lowest).addr();
    let end = here.saturating_sub(LEFT_ALONE) & !(page - 1);
    let begin = lowest.next_multiple_of(page);
    if begin < end {
        // SAFETY: the pages are of this thread's own stack, below everything that is in use on it: the frames of those who wait for
        // this function lie above it, those of the functions that it calls within what is left alone. Nobody has references there.
        unsafe { libc::madvise(ptr::with_exposed_provenance_mut(begin), end - begin, libc::MADV_DONTNEED) };
    }
}

/// The lowest address of the calling thread's stack.
fn lowest_address() -> Option<usize> {
    // SAFETY: the attributes are plain data, for which zeroes are a value.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    let (mut address, mut size) = (ptr::null_mut(), 0);
    // SAFETY: pthread_self(3) can be called at any time.
    let own = unsafe { libc::pthread_self() };
    // SAFETY: pthread_getattr_np(3) fills in what it is given a pointer to, of a thread that lives.
    if unsafe { libc::pthread_getattr_np(own, &raw mut attributes) } != 0 {
        return None;
    }
    // SAFETY: the attributes were filled in, and both pointers are to variables of the types that the function writes.
    let told = unsafe { libc::pthread_attr_getstack(&raw const attributes, &raw mut address, &raw mut size) };
    // SAFETY: they were filled in, and are not used any more.
    unsafe { libc::pthread_attr_destroy(&raw mut attributes) };
    (told == 0 && size > 0).then(|| address.addr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::thread;

    const USED: usize = 256 << 10;

    /// Uses much of the stack, and returns an address in the midst of that.
    #[inline(never)]
    #[expect(clippy::large_stack_arrays, reason = "that is what it is for")]
    fn use_much() -> usize {
        let mut much = [1_u8; USED];
        black_box(&mut much);
        much[USED / 2..].as_ptr().addr()
    }

    fn is_resident(address: usize) -> bool {
        let page = rustix::param::page_size();
        let mut resident = [0_u8];
        // SAFETY: mincore(2) writes one byte for the one page, and reads nothing of it.
        let told = unsafe {
            libc::mincore(
                ptr::with_exposed_provenance_mut(address & !(page - 1)),
                page,
                resident.as_mut_ptr(),
            )
        };
        assert_eq!(told, 0, "{}", std::io::Error::last_os_error());
        resident[0] & 1 == 1
    }

    #[test]
    fn what_was_used_once_is_given_back_and_what_is_in_use_is_not() {
        thread::spawn(|| {
            let kept = black_box([7_u8; 5000]);
            for _ in 0..3 {
                let address = use_much();
                assert!(is_resident(address), "the stack has not grown; this test is of no use");
                give_back();
                assert!(!is_resident(address));
                assert!(kept.iter().all(|byte| *byte == 7));
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_small_stack_is_left_whole() {
        let small = thread::Builder::new().stack_size(libc::PTHREAD_STACK_MIN).spawn(give_back).unwrap();
        small.join().unwrap();
    }
}
