//! Executables: which one a thread runs, and whether Go made it.

use elf::endian::AnyEndian;
use elf::file::{FileHeader, parse_ident};
use elf::note::{Note, NoteIterator};
use elf::segment::SegmentTable;
use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;

/// Notes stand at the beginning of an executable; no more of it is read.
const READ_MAX: u64 = 64 * 1024;
/// Length of `e_ident`.
const IDENT: usize = 16;
/// Owner and type of the note in which the Go linker writes its build id.
const GO_NOTE: (&[u8], u64) = (b"Go\0\0", 4);

/// Tells executables apart, and an executable from what it was before somebody changed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Executable {
    device: (u32, u32),
    inode: u64,
    size: u64,
    changed: (i64, u32),
}

impl Executable {
    /// The executable of a thread; `None` if we may not look, or there is none.
    pub(crate) fn of(tid: u32) -> Option<Executable> {
        // Attributes as the kernel has them: a file system that the member serves is not asked, it may answer never.
        statx(CWD, link(tid), AtFlags::STATX_DONT_SYNC, WANTED).ok().map(Executable::from)
    }

    #[cfg(test)]
    pub(crate) fn numbered(inode: u64) -> Executable {
        Executable { device: (0, 0), inode, size: 0, changed: (0, 0) }
    }
}

const WANTED: StatxFlags = StatxFlags::INO.union(StatxFlags::SIZE).union(StatxFlags::CTIME);

impl From<Statx> for Executable {
    fn from(found: Statx) -> Executable {
        Executable {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            size: found.stx_size,
            changed: (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec),
        }
    }
}

fn link(tid: u32) -> String {
    format!("/proc/{tid}/exe")
}

/// The file name of a thread's executable.
pub(crate) fn name(tid: u32) -> Option<Vec<u8>> {
    let target = std::fs::read_link(link(tid)).ok()?;
    let target = target.as_os_str().as_bytes();
    let target = target.strip_suffix(b" (deleted)").unwrap_or(target);
    target.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec)
}

/// Reads which executable a thread has, and whether it is a Go program. It may lie on a file system that the member serves
/// and take any time.
pub(crate) fn read_executable(tid: u32) -> io::Result<(Executable, bool)> {
    let mut beginning = Vec::new();
    let file = File::open(link(tid))?;
    let executable =
        Executable::from(statx(&file, "", AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC, WANTED)?);
    file.take(READ_MAX).read_to_end(&mut beginning)?;
    Ok((executable, has_go_note(&beginning)))
}

fn has_go_note(file: &[u8]) -> bool {
    go_notes(file).is_some_and(|found| found)
}

/// `None` if it is no ELF file, or one whose notes lie behind what was read.
fn go_notes(file: &[u8]) -> Option<bool> {
    let ident = parse_ident::<AnyEndian>(file.get(..IDENT)?).ok()?;
    let header = FileHeader::parse_tail(ident, file.get(IDENT..)?).ok()?;
    let part = |at: u64, length: u64| {
        let at = usize::try_from(at).ok()?;
        file.get(at..at.checked_add(usize::try_from(length).ok()?)?)
    };
    let table = part(header.e_phoff, u64::from(header.e_phentsize) * u64::from(header.e_phnum))?;
    let segments = SegmentTable::new(header.endianness, header.class, table);
    let notes = segments.iter().filter(|segment| segment.p_type == elf::abi::PT_NOTE);
    let mut datas = notes.filter_map(|segment| {
        let align = usize::try_from(segment.p_align).ok().filter(|align| matches!(align, 4 | 8))?;
        Some((align, part(segment.p_offset, segment.p_filesz)?))
    });
    Some(datas.any(|(align, data)| {
        NoteIterator::new(header.endianness, header.class, align, data).any(|note| match note {
            Note::Unknown(note) => (note.name, note.n_type) == GO_NOTE,
            _ => false,
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable with one note, as a linker lays it out.
    fn executable(owner: [u8; 4], kind: u32) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let word = |value: u64| value.to_le_bytes().to_vec();
        file.extend([2, 0, 0x3e, 0, 1, 0, 0, 0]);
        file.extend([word(0x40_1000), word(64), word(0)].concat());
        file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 0, 0, 0, 0]);
        file.extend([4, 0, 0, 0, 4, 0, 0, 0]);
        file.extend([word(120), word(0x40_0078), word(0x40_0078), word(20), word(20), word(4)].concat());
        file.extend([4_u32.to_le_bytes(), 4_u32.to_le_bytes(), kind.to_le_bytes(), owner, *b"id42"].concat());
        file
    }

    #[test]
    fn the_note_of_the_go_linker_makes_a_go_program() {
        assert!(has_go_note(&executable(*b"Go\0\0", 4)));
        assert!(!has_go_note(&executable(*b"Go\0\0", 3)));
        assert!(!has_go_note(&executable(*b"GNU\0", 4)));
    }

    #[test]
    fn broken_files_are_no_go_programs_and_break_nothing() {
        let whole = executable(*b"Go\0\0", 4);
        for length in 0..whole.len() {
            has_go_note(&whole[..length]);
            for value in [0, 1, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[length] = value;
                has_go_note(&broken);
            }
        }
        assert!(!has_go_note(b"#!/bin/sh\n") && !has_go_note(&[0; 4096]));
    }

    #[test]
    fn the_executable_of_this_test_is_known_by_name_and_no_go_program() {
        let own = std::process::id();
        assert!(name(own).unwrap().starts_with(b"auditns_supervisor"));
        let (executable, is_go) = read_executable(own).unwrap();
        assert_eq!((Executable::of(own), is_go), (Some(executable), false));
        assert_eq!((name(0x3fff_fff0), Executable::of(0x3fff_fff0)), (None, None));
    }
}
