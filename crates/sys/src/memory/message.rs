//! `struct msghdr` in a member's memory.

use super::{Memory, fault};
use crate::call::Layout;
use std::io;

/// Most parts of a message (kernel: `UIO_MAXIOV`).
const PARTS_MAX: u64 = 1024;

/// Some room in a member's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Address of the first byte; 0 for none.
    pub at: u64,
    /// How many bytes.
    pub length: u64,
}

/// Where `recvmsg(2)` puts what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// For the sender's address.
    pub name: Space,
    /// For the datagram, part by part.
    pub parts: Vec<Space>,
    /// For control messages.
    pub control: Space,
    layout: Layout,
    at: u64,
}

/// Offsets in the structure.
struct Offsets {
    name_length: u64,
    parts: u64,
    part_count: u64,
    control: u64,
    control_length: u64,
    flags: u64,
}

impl Layout {
    const fn offsets(self) -> Offsets {
        match self {
            Layout::Wide => Offsets {
                name_length: 8,
                parts: 16,
                part_count: 24,
                control: 32,
                control_length: 40,
                flags: 48,
            },
            Layout::Narrow => Offsets {
                name_length: 4,
                parts: 8,
                part_count: 12,
                control: 16,
                control_length: 20,
                flags: 24,
            },
        }
    }

    /// Bytes of a pointer and of a length.
    pub const fn word(self) -> usize {
        match self {
            Layout::Wide => 8,
            Layout::Narrow => 4,
        }
    }

    /// Reads a pointer or a length.
    fn get(self, memory: &Memory, at: u64) -> io::Result<u64> {
        match self {
            Layout::Wide => {
                let mut word = [0; 8];
                memory.read(at, &mut word)?;
                Ok(u64::from_ne_bytes(word))
            }
            Layout::Narrow => memory.read_word(at).map(u64::from),
        }
    }
}

impl Message {
    /// Reads the structure at this address.
    ///
    /// # Errors
    /// `EFAULT` if it cannot be read, `EMSGSIZE` if it has more than 1,024 parts, `EINVAL` if a length is negative: what
    /// the kernel says (`copy_msghdr_from_user`, `import_iovec`).
    pub fn read(memory: &Memory, at: u64, layout: Layout) -> io::Result<Message> {
        let offsets = layout.offsets();
        let field = |offset: u64| at.checked_add(offset).ok_or_else(fault);
        let word = |offset| layout.get(memory, field(offset)?);
        let name_at = word(0)?;
        let name_length = memory.read_word(field(offsets.name_length)?)?;
        if name_at != 0 && name_length.cast_signed() < 0 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let (parts_at, count) = (word(offsets.parts)?, word(offsets.part_count)?);
        if count > PARTS_MAX {
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        let word_length = layout.word();
        let mut array = vec![0; usize::try_from(count).unwrap_or(0) * 2 * word_length];
        if !array.is_empty() {
            memory.read(parts_at, &mut array)?;
        }
        let number = |bytes: &[u8]| match layout {
            Layout::Wide => bytes.try_into().map_or(0, u64::from_ne_bytes),
            Layout::Narrow => u64::from(bytes.try_into().map_or(0, u32::from_ne_bytes)),
        };
        let parts = array.chunks_exact(2 * word_length).map(|part| {
            let (at, length) = part.split_at(word_length);
            Space { at: number(at), length: number(length) }
        });
        let parts = parts.collect();
        let control = Space { at: word(offsets.control)?, length: word(offsets.control_length)? };
        let name = Space { at: name_at, length: u64::from(name_length) };
        Ok(Message { name, parts, control, layout, at })
    }

    /// Whether the kernel accepts the parts for certain: it refuses lengths beyond those of an `ssize_t` and addresses that
    /// no program has before it receives anything (kernel: `import_iovec`).
    pub fn is_plausible(&self) -> bool {
        let (longest, end) = match self.layout {
            Layout::Wide => (i64::MAX as u64, 1 << 47),
            Layout::Narrow => (i32::MAX as u64, 1 << 32),
        };
        self.parts.iter().all(|part| part.length <= longest && part.at.saturating_add(part.length) <= end)
    }

    /// How the structure is laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Bytes of a datagram that there is room for.
    pub fn room(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.length))
    }

    /// Sets the length of the sender's address.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_name_length(&self, memory: &Memory, length: u32) -> io::Result<()> {
        memory.write(self.at + self.layout.offsets().name_length, &length.to_ne_bytes())
    }

    /// Writes a datagram into its parts, as much as there is room for.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_data(&self, memory: &Memory, mut data: &[u8]) -> io::Result<()> {
        for part in &self.parts {
            let fits = usize::try_from(part.length).unwrap_or(usize::MAX).min(data.len());
            if fits != 0 {
                memory.write(part.at, &data[..fits])?;
            }
            data = &data[fits..];
        }
        Ok(())
    }

    /// Sets the length of the control messages, and the flags.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_outcome(&self, memory: &Memory, control_length: usize, flags: i32) -> io::Result<()> {
        let offsets = self.layout.offsets();
        let at = self.at + offsets.control_length;
        match self.layout {
            Layout::Wide => memory.write(at, &(control_length as u64).to_ne_bytes())?,
            Layout::Narrow => {
                memory.write(at, &u32::try_from(control_length).unwrap_or(u32::MAX).to_ne_bytes())?;
            }
        }
        memory.write(self.at + offsets.flags, &flags.to_ne_bytes())
    }
}
