//! Passes over all tasks of the host.

use super::number::Numbers;
use super::tag::{Login, Member, Start, Tag};
use crate::skeleton::AuditnsMaps;
use libbpf_rs::{Iter, Link, MapCore, MapFlags};
use std::io::{self, Read};

/// Bytes of a member as the program tells: `struct member` in `program/tasks.bpf.h`.
const MEMBER: usize = 48;
/// Members that are read at once.
const AT_ONCE: usize = 512;

/// What a pass is about: `struct pass` in `program/tasks.bpf.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pass {
    start: u64,
    start_unit: u64,
    only_namespace: u64,
    namespace: u64,
    login: u64,
    tid: u32,
    tgid: u32,
    gives_namespace: u32,
    /// Tasks that were meant.
    pub(super) found: u32,
    /// Those that were changed.
    pub(super) changed: u32,
    /// Those for which there was no memory.
    pub(super) failed: u32,
}

impl Pass {
    /// Reports all members of all namespaces.
    pub(super) fn of_all() -> Pass {
        Pass::default()
    }

    /// Reports those of one.
    pub(super) fn of_namespace(namespace: u64) -> Pass {
        Pass { only_namespace: namespace, ..Pass::default() }
    }

    /// Reports the task with this number, and those of the process with it.
    pub(super) fn of_task(pid: u32) -> Pass {
        Pass { tid: pid, ..Pass::default() }
    }

    /// Gives all tasks of a process a namespace.
    pub(super) fn gives_namespace(tgid: u32, start: Start, namespace: u64) -> Pass {
        let (start, start_unit) = start.in_units();
        Pass { start, start_unit, namespace, tgid, gives_namespace: 1, ..Pass::default() }
    }

    /// Gives one task a login, or takes it away. `None` for one that cannot be kept.
    pub(super) fn gives_login(tid: u32, start: Start, login: Option<Login>) -> Option<Pass> {
        let (start, start_unit) = start.in_units();
        let login = match login {
            Some(login) => login.number()?,
            None => 0,
        };
        Some(Pass { start, start_unit, login, tid, ..Pass::default() })
    }

    fn to_bytes(self) -> Vec<u8> {
        let longs = [self.start, self.start_unit, self.only_namespace, self.namespace, self.login];
        let words = [self.tid, self.tgid, self.gives_namespace, self.found, self.changed, self.failed];
        let longs = longs.into_iter().flat_map(u64::to_ne_bytes);
        longs.chain(words.into_iter().flat_map(u32::to_ne_bytes)).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Pass {
        let mut numbers = Numbers(bytes);
        Pass {
            start: numbers.long(),
            start_unit: numbers.long(),
            only_namespace: numbers.long(),
            namespace: numbers.long(),
            login: numbers.long(),
            tid: numbers.word(),
            tgid: numbers.word(),
            gives_namespace: numbers.word(),
            found: numbers.word(),
            changed: numbers.word(),
            failed: numbers.word(),
        }
    }
}

/// Makes passes, one at a time.
#[derive(Debug)]
pub(super) struct Passes {
    report: Link,
    give: Link,
}

/// The only key of maps that have one.
pub(super) const ONLY: [u8; 4] = [0; 4];

impl Passes {
    /// With the programs attached.
    pub(super) fn new(report: Link, give: Link) -> Passes {
        Passes { report, give }
    }

    /// Has the kernel tell of each task that is meant.
    ///
    /// # Errors
    /// Those of `bpf(2)` and `read(2)`; none is expected.
    pub(super) fn report(
        &self,
        maps: &AuditnsMaps<'_>,
        pass: Pass,
        mut tell: impl FnMut(Member),
    ) -> io::Result<()> {
        begin(maps, pass)?;
        let mut members = Iter::new(&self.report).map_err(io::Error::other)?;
        let mut buffer = vec![0; MEMBER * AT_ONCE];
        let mut filled = 0;
        while let length @ 1.. = read(&mut members, &mut buffer[filled..])? {
            filled += length;
            let whole = filled - filled % MEMBER;
            buffer[..whole].chunks_exact(MEMBER).map(member).for_each(&mut tell);
            buffer.copy_within(whole..filled, 0);
            filled -= whole;
        }
        Ok(())
    }

    /// Gives each task that is meant what the pass gives. Returns what it came to.
    ///
    /// # Errors
    /// As [`Passes::report`].
    pub(super) fn give(&self, maps: &AuditnsMaps<'_>, pass: Pass) -> io::Result<Pass> {
        begin(maps, pass)?;
        let mut nothing = Iter::new(&self.give).map_err(io::Error::other)?;
        while read(&mut nothing, &mut [0; 8])? > 0 {}
        let after = maps.passes.lookup(&ONLY, MapFlags::ANY).map_err(io::Error::other)?;
        Ok(Pass::from_bytes(&after.unwrap_or_default()))
    }
}

fn begin(maps: &AuditnsMaps<'_>, pass: Pass) -> io::Result<()> {
    maps.passes.update(&ONLY, &pass.to_bytes(), MapFlags::ANY).map_err(io::Error::other)
}

/// The kernel stops in between after a million tasks of which there is nothing to tell.
fn read(from: &mut Iter, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            result => return result,
        }
    }
}

fn member(bytes: &[u8]) -> Member {
    let mut numbers = Numbers(bytes);
    let (start, leader_start, chain) = (numbers.long(), numbers.long(), numbers.long());
    let tag = Tag::from_numbers(numbers.long(), numbers.long());
    let chain = (chain != 0).then_some(chain);
    Member { tid: numbers.word(), tgid: numbers.word(), start, leader_start, chain, tag }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_read_back() {
        let pass = Pass { found: 3, changed: 2, failed: 1, ..Pass::gives_namespace(7, Start::Ticks(9), 5) };
        assert_eq!(Pass::from_bytes(&pass.to_bytes()), pass);
        assert_eq!(pass.to_bytes().len(), 64);
        assert!(Pass::gives_login(1, Start::Any, Some(Login { loginuid: 0, sessionid: 0 })).is_none());
    }
}
