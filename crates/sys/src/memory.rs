//! Memory of a member that waits in a call.

mod message;

pub use message::{Message, Space};

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// The memory of one process, whatever becomes of its number: open it, ask [`crate::Listener::is_valid`] whether the
/// caller is still there, and it is the caller's memory that is read and written (kernel: `proc_mem_open`).
///
/// Any access may block for as long as the member likes, because a page may come from a file system or a page-fault
/// handler of its own: use it in threads that nobody waits for. Unlike the kernel in a call of the member, a write also
/// changes private pages that the member itself may only read.
#[derive(Debug)]
pub struct Memory(File);

impl Memory {
    /// Opens the memory of the process to which the thread belongs.
    ///
    /// # Errors
    /// `EACCES` if this process may not (see `ptrace(2)`, access mode checks), `ENOENT` if the thread is gone.
    pub fn open(tid: u32) -> io::Result<Memory> {
        OpenOptions::new().read(true).write(true).open(format!("/proc/{tid}/mem")).map(Memory)
    }

    /// Fills the buffer from this address on.
    ///
    /// # Errors
    /// `EFAULT` if any of it cannot be read.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, at).map_err(|_| fault())
    }

    /// Reads a 32-bit number.
    ///
    /// # Errors
    /// As [`Memory::read`].
    pub fn read_word(&self, at: u64) -> io::Result<u32> {
        let mut word = [0; 4];
        self.read(at, &mut word)?;
        Ok(u32::from_ne_bytes(word))
    }

    /// Writes bytes from this address on.
    ///
    /// # Errors
    /// `EFAULT` if any of it cannot be written; what comes before may be written then, as with the kernel.
    pub fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at).map_err(|_| fault())
    }
}

fn fault() -> io::Error {
    io::Error::from_raw_os_error(libc::EFAULT)
}

#[cfg(test)]
mod tests;
