//! What a caller gives and wants, in its memory: for the threads of [`super::aside`] only.

use super::calls::Calls;
use auditns_sys::Notification;
use auditns_sys::call::Room;
use auditns_sys::memory::Memory;
use rustix::io::Errno;
use std::io;

/// The memory of a caller that still waits.
///
/// # Errors
/// `EFAULT` where it cannot be reached: the caller then learns the same as with an address that is none.
pub(super) fn callers_memory(notification: &Notification, calls: &Calls) -> io::Result<Memory> {
    let memory = Memory::open(notification.tid);
    match memory {
        Ok(memory) if calls.is_valid(notification) => Ok(memory),
        _ => Err(Errno::FAULT.into()),
    }
}

/// Writes an address as the kernel does (`move_addr_to_user`): what there is room for, and its whole length.
pub(super) fn write_name(memory: &Memory, room: Room, name: &[u8]) -> io::Result<()> {
    let wanted = memory.read_word(room.length_at)?.cast_signed();
    let Ok(wanted) = u64::try_from(wanted) else { return Err(Errno::INVAL.into()) };
    write_beginning(memory, room.at, wanted, name)?;
    let length = u32::try_from(name.len()).unwrap_or(0);
    memory.write(room.length_at, &length.to_ne_bytes())
}

/// Writes as many of the bytes as there is room for.
pub(super) fn write_beginning(memory: &Memory, at: u64, room: u64, bytes: &[u8]) -> io::Result<()> {
    let fits = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    write_some(memory, at, &bytes[..fits])
}

/// Writing nothing succeeds whatever the address is.
pub(super) fn write_some(memory: &Memory, at: u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() { Ok(()) } else { memory.write(at, bytes) }
}

/// What a call returns for an error of ours.
pub(super) fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::FAULT.raw_os_error())
}
