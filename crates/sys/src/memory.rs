//! Memory of a member that waits in a call.

mod message;
mod raised;

pub use message::{Message, Space};

use raised::Raised;
use rustix::thread::CapabilitySet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// Pages are no smaller than this, so that one byte in so many touches every page.
const PAGE: u64 = 4096;

/// The memory of one process, whatever becomes of its number: open it, ask [`crate::Listener::is_valid`] whether the
/// caller is still there, and it is the caller's memory that is written (kernel: `proc_mem_open`).
///
/// Any access may block for as long as the member likes, because a page may come from a file system or a page-fault
/// handler of its own: use it in threads that nobody waits for. A write also changes private pages that the member itself
/// may only read, unlike the kernel's in a call of the member.
#[derive(Debug)]
pub struct Memory {
    file: File,
    tid: u32,
}

impl Memory {
    /// Opens the memory of the process to which the thread belongs. The file belongs to the process's user, so
    /// `CAP_DAC_OVERRIDE` is made effective for it if it is permitted.
    ///
    /// # Errors
    /// `EACCES` if this process may not (see `ptrace(2)`, access mode checks), `ENOENT` if the thread is gone.
    pub fn open(tid: u32) -> io::Result<Memory> {
        let raised = Raised::new(CapabilitySet::DAC_OVERRIDE);
        let file = OpenOptions::new().read(true).write(true).open(format!("/proc/{tid}/mem"))?;
        drop(raised);
        Ok(Memory { file, tid })
    }

    /// Fills the buffer from this address on. By the thread's number: what is read is the caller's only if it still waits
    /// afterwards.
    ///
    /// # Errors
    /// `EFAULT` if any of it cannot be read.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        read_of(self.tid, at, buffer).map_err(|_| fault())
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
        self.touch(at, bytes.len() as u64)?;
        self.file.write_all_at(bytes, at).map_err(|_| fault())
    }

    /// Brings pages in by a read. `/proc/PID/mem` would wait for them in a way that not even the end of this process
    /// interrupts, with a lock of the member's memory held, and could not wait for a page-fault handler at all. A member
    /// that takes a page away in between has that all the same.
    fn touch(&self, at: u64, length: u64) -> io::Result<()> {
        let end = at.checked_add(length).ok_or_else(fault)?;
        let mut next = at;
        while next < end {
            self.read(next, &mut [0])?;
            next = (next / PAGE + 1).checked_mul(PAGE).ok_or_else(fault)?;
        }
        Ok(())
    }
}

/// Reads memory of a thread's process, by the thread's number (`process_vm_readv(2)`).
///
/// # Errors
/// `EFAULT` if any of it is not readable, `ESRCH` if the thread is gone, `EPERM` if this process may not read it.
pub(crate) fn read_of(tid: u32, at: u64, buffer: &mut [u8]) -> io::Result<()> {
    let address = usize::try_from(at).map_err(|_| fault())?;
    let length = buffer.len();
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: length };
    let remote = libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: length };
    // SAFETY: `local` names exactly the buffer, which is exclusively borrowed; `remote` is only looked up in the other
    // process.
    let read =
        unsafe { libc::process_vm_readv(tid.cast_signed(), &raw const local, 1, &raw const remote, 1, 0) };
    match usize::try_from(read) {
        Err(_) => Err(io::Error::last_os_error()),
        // A shorter read means that something of it is not there.
        Ok(read) if read < length => Err(fault()),
        Ok(_) => Ok(()),
    }
}

/// Reads a string that ends with a zero, of at most `most` bytes, from a thread's process. `None` if it is longer.
///
/// # Errors
/// As for other memory: `EFAULT`, `ESRCH`, `EPERM`. It may block as [`Memory`] says.
pub fn read_string(tid: u32, at: u64, most: usize) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    while text.len() < most {
        let from = at.checked_add(text.len() as u64).ok_or_else(fault)?;
        // What comes after the string may not be there.
        let to_page_end = usize::try_from(PAGE - from % PAGE).unwrap_or(most);
        let mut part = vec![0; to_page_end.min(most - text.len())];
        read_of(tid, from, &mut part)?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            text.extend_from_slice(&part[..end]);
            return Ok(Some(text));
        }
        text.extend(part);
    }
    Ok(None)
}

fn fault() -> io::Error {
    io::Error::from_raw_os_error(libc::EFAULT)
}

#[cfg(test)]
mod tests;
