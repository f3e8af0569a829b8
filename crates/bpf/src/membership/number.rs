//! Numbers of the programs' structures, in the order of the machine.

/// Reads numbers one after the other.
#[derive(Debug)]
pub(super) struct Numbers<'b>(pub(super) &'b [u8]);

impl Numbers<'_> {
    /// The next eight bytes; zero behind the end.
    pub(super) fn long(&mut self) -> u64 {
        u64::from_ne_bytes(self.take())
    }

    /// The next four bytes; zero behind the end.
    pub(super) fn word(&mut self) -> u32 {
        u32::from_ne_bytes(self.take())
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((bytes, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *bytes
    }
}
