//! Seeds, changed in the ways that find mistakes in decoders.

use crate::Target;
use fastrand::Rng;

/// Longest input, in bytes.
const LENGTH_MAX: usize = 4096;
/// Most changes of one input.
const CHANGES: usize = 6;

/// An input that the generator decides: a seed or nothing, with some changes.
pub(crate) fn input(rng: &mut Rng, target: &Target, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = if rng.u8(..) < 16 { Vec::new() } else { seed(rng, seeds).to_vec() };
    for _ in 0..rng.usize(1..=CHANGES) {
        change(rng, target, seeds, &mut bytes);
        bytes.truncate(LENGTH_MAX);
    }
    bytes
}

fn seed<'s>(rng: &mut Rng, seeds: &'s [Vec<u8>]) -> &'s [u8] {
    rng.choice(seeds).map(Vec::as_slice).unwrap_or_default()
}

fn change(rng: &mut Rng, target: &Target, seeds: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let at = rng.usize(..=bytes.len());
    let end = (at + rng.usize(..=16)).min(bytes.len());
    match rng.u8(..9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        1 => {
            let any = rng.u8(..);
            if let Some(byte) = bytes.get_mut(at) {
                *byte = rng.choice([0, 1, 0x7f, 0x80, 0xff, any]).unwrap_or(any);
            }
        }
        2 => {
            bytes.drain(at..end);
        }
        3 => {
            let repeated = bytes[at..end].repeat(rng.usize(1..8));
            bytes.splice(at..at, repeated);
        }
        4 => bytes.truncate(at),
        5 => {
            let random: Vec<u8> = (0..rng.usize(..8)).map(|_| rng.u8(..)).collect();
            bytes.splice(at..at, random);
        }
        6 => {
            // The rest of another seed.
            let other = seed(rng, seeds);
            let from = rng.usize(..=other.len());
            bytes.splice(at.., other[from..].iter().copied());
        }
        7 => {
            let word = rng.choice(target.words).copied().unwrap_or_default();
            bytes.splice(at..at, word.iter().copied());
        }
        _ => {
            let word = rng.choice(target.words).copied().unwrap_or_default();
            let end = (at + word.len()).min(bytes.len());
            bytes.splice(at..end, word.iter().copied());
        }
    }
}
