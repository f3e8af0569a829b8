//! Whether code can be loaded.

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::AsFd;

/// The least that can be mapped on every architecture of [`crate::arch`].
const LENGTH: usize = 4096;

/// Maps the beginning of a file as code for a moment, as the loader of a library does.
///
/// # Errors
/// Those of `mmap(2)`: `EPERM` where a filter forbids it.
pub fn map_code(file: impl AsFd) -> io::Result<()> {
    let protection = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
    let place = unsafe { mmap(std::ptr::null_mut(), LENGTH, protection, MapFlags::PRIVATE, file, 0) }?;
    // SAFETY: this is the mapping that was just made, and nobody else knows of it.
    unsafe { munmap(place, LENGTH) }?;
    Ok(())
}
