//! Numbers that a seed decides.

/// The splitmix64 generator: tiny, and the same on every machine.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    pub(super) fn word(&mut self) -> u32 {
        u32::try_from(self.next() & 0xffff_ffff).unwrap_or(0)
    }

    pub(super) fn half(&mut self) -> u16 {
        u16::try_from(self.next() & 0xffff).unwrap_or(0)
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.next() & 0xff).unwrap_or(0)
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Makes a payload as long as another one would be: a boundary of some structure, or anything.
    pub(super) fn resize(&mut self, bytes: &mut Vec<u8>, boundaries: &[usize]) {
        let length = if self.chance(70) { self.pick(boundaries) } else { self.below(64) };
        bytes.resize(length, 0);
    }
}
