//! The saved form of a syscall mask: `serde` knows arrays of up to 32 elements.

use auditns_wire::rule::BITMASK_WORDS;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const HALF: usize = BITMASK_WORDS / 2;

type Mask = [u32; BITMASK_WORDS];

pub(super) fn serialize<S: Serializer>(mask: &Mask, serializer: S) -> Result<S::Ok, S::Error> {
    let mut words = mask.iter().copied();
    let halves: [[u32; HALF]; 2] =
        std::array::from_fn(|_| std::array::from_fn(|_| words.next().unwrap_or_default()));
    halves.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Mask, D::Error> {
    let halves = <[[u32; HALF]; 2]>::deserialize(deserializer)?;
    let mut words = halves.into_iter().flatten();
    Ok(std::array::from_fn(|_| words.next().unwrap_or_default()))
}
