//! Syscall classes: groups of syscalls that a rule's mask can name with a single bit.
//!
//! The kernel replaces the bit by the syscalls of the class when it takes the rule, so that a list shows the syscalls.
//! The numbers are those that a 6.18 kernel lists. On x86-64 it knows ten classes; a bit without a class vanishes.

use auditns_wire::rule::{BITMASK_WORDS, SYSCALL_CLASSES};

/// Replaces class bits by the syscalls they stand for (kernel: `audit_to_entry_common`).
pub(super) fn expand(mut mask: [u32; BITMASK_WORDS]) -> [u32; BITMASK_WORDS] {
    let Some(last) = mask.last_mut() else { return mask };
    let wanted = *last >> (32 - SYSCALL_CLASSES);
    *last &= u32::MAX >> SYSCALL_CLASSES;
    for class in 0..SYSCALL_CLASSES {
        // Class 0 has the topmost bit.
        if wanted & (1 << (SYSCALL_CLASSES - 1 - class)) == 0 {
            continue;
        }
        for &syscall in CLASSES.get(class).copied().unwrap_or_default() {
            if let Some(word) = mask.get_mut(usize::from(syscall / 32)) {
                *word |= 1 << (syscall % 32);
            }
        }
    }
    mask
}

/// The classes in the order of their numbers: directory writes, attribute changes, reads, writes and signals, each for
/// 64-bit and then for 32-bit programs.
#[cfg(target_arch = "x86_64")]
const CLASSES: [&[u16]; 10] = [
    &[82, 83, 84, 85, 86, 87, 88, 133, 258, 259, 263, 264, 265, 266, 316],
    &[8, 9, 10, 14, 38, 39, 40, 83, 296, 297, 301, 302, 303, 304, 353],
    &[86, 90, 91, 92, 93, 94, 188, 189, 190, 197, 198, 199, 260, 265, 268, 452, 463, 466],
    &[9, 15, 16, 94, 95, 182, 198, 207, 212, 226, 227, 228, 235, 236, 237, 298, 303, 306, 452, 463, 466],
    &[89, 179, 191, 192, 193, 194, 195, 196, 267, 464, 465],
    &[85, 131, 229, 230, 231, 232, 233, 234, 305, 464, 465],
    &[49, 76, 77, 82, 83, 84, 85, 86, 87, 88, 133, 163, 167, 179, 258, 259, 263, 264, 265, 266, 285, 316],
    &[
        8, 9, 10, 14, 38, 39, 40, 51, 83, 87, 92, 93, 131, 193, 194, 296, 297, 301, 302, 303, 304, 324, 353,
        361,
    ],
    &[62, 200, 234],
    &[37, 238, 270],
];

/// Where the classes were never observed, none is known.
#[cfg(not(target_arch = "x86_64"))]
const CLASSES: [&[u16]; 0] = [];
