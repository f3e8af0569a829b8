//! Memory that outlives a process, and system calls that leave their outcome in it.
//!
//! A process can be killed after the kernel has done what it asked for and before it has noted so. Where the kernel itself
//! writes the outcome into memory that somebody else keeps (a mapped `memfd`), there is no such moment: `sendmmsg(2)` and
//! `recvmmsg(2)` store a message's length there before they return, and a kill takes effect only on return.

mod calls;
mod inbox;
mod mark;

pub use calls::CallSlot;
pub use inbox::Inbox;
pub use mark::Mark;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// A mapped `memfd` of fixed size. Pages that were never written take no memory.
#[derive(Debug)]
pub struct SharedMemory {
    fd: OwnedFd,
    base: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping belongs to the value and moves with it.
unsafe impl Send for SharedMemory {}
// SAFETY: what is shared between threads is reached through atomics, or by copies whose users keep to places of their own.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// New memory of zeros, `length` bytes long, which can neither shrink nor grow.
    ///
    /// # Errors
    /// Those of `memfd_create(2)`, `ftruncate(2)` and `mmap(2)`.
    pub fn create(name: &str, length: usize) -> io::Result<SharedMemory> {
        let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&fd, u64::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW)?;
        SharedMemory::map(fd, length)
    }

    /// Memory that another process has made.
    ///
    /// # Errors
    /// `InvalidData` if it has another length or may shrink; those of `mmap(2)`.
    pub fn open(fd: OwnedFd, length: usize) -> io::Result<SharedMemory> {
        let found = usize::try_from(fstat(&fd)?.st_size).unwrap_or(0);
        // Memory that shrinks ends whoever touches it.
        if found != length || !fcntl_get_seals(&fd)?.contains(SealFlags::SHRINK) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        SharedMemory::map(fd, length)
    }

    fn map(fd: OwnedFd, length: usize) -> io::Result<SharedMemory> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: the kernel chooses the place, so nothing that is mapped is replaced.
        let base = unsafe { mmap(std::ptr::null_mut(), length, protection, flags, &fd, 0) }?;
        let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(SharedMemory { fd, base, length })
    }

    /// The word at an offset that is a multiple of 8; `None` beyond the end.
    pub fn word(&self, at: usize) -> Option<&AtomicU64> {
        let place = self.place(at, size_of::<u64>())?;
        if !at.is_multiple_of(size_of::<u64>()) {
            return None;
        }
        // SAFETY: the place is mapped for as long as the value lives and aligned, since mappings begin at pages; every bit
        // pattern is a valid number, and all access to words is atomic.
        Some(unsafe { AtomicU64::from_ptr(place.cast::<u64>().as_ptr()) })
    }

    /// Copies bytes out. Returns whether the memory reaches so far.
    pub fn read(&self, at: usize, into: &mut [u8]) -> bool {
        let Some(place) = self.place(at, into.len()) else { return false };
        // SAFETY: the place is mapped and as long as the slice, which is ours alone and does not lie in it.
        unsafe { std::ptr::copy_nonoverlapping(place.as_ptr(), into.as_mut_ptr(), into.len()) };
        true
    }

    /// Copies bytes in. Returns whether the memory reaches so far.
    pub fn write(&self, at: usize, bytes: &[u8]) -> bool {
        let Some(place) = self.place(at, bytes.len()) else { return false };
        // SAFETY: as in `read`, the other way round.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.as_ptr(), bytes.len()) };
        true
    }

    /// Gives the pages of a range back; it reads as zeros then.
    ///
    /// # Errors
    /// Those of `fallocate(2)`.
    pub fn discard(&self, at: usize, length: usize) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let (at, length) = (u64::try_from(at).map_err(invalid)?, u64::try_from(length).map_err(invalid)?);
        Ok(fallocate(&self.fd, flags, at, length)?)
    }

    /// The place of so many bytes, if the memory reaches so far.
    fn place(&self, at: usize, length: usize) -> Option<NonNull<u8>> {
        if at.checked_add(length)? > self.length {
            return None;
        }
        // SAFETY: the offset lies within the mapping.
        Some(unsafe { self.base.add(at) })
    }
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that the value made, and nothing borrowed from it outlives the value.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests;
