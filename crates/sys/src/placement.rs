//! On which processor a thread runs, and for how long at a time.

use crate::identity::process::last_cpu;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use std::hint::spin_loop;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Numbers of processors that fit into a [`CpuSet`].
const CPUS: usize = CpuSet::MAX_CPU;

/// How long [`Placement::follow_to`] keeps a processor busy, and at most waits until it is.
const MOMENT: Duration = Duration::from_millis(1);

/// Bytes of stack of a thread that does nothing.
const STACK: usize = 64 * 1024;

/// The slice that [`shorten_slice`] asks for, in nanoseconds; the least that the kernel takes (`sched_fair.c`).
const SLICE: u64 = 100_000;

/// Where the calling thread may run.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    allowed: CpuSet,
}

impl Placement {
    /// Where it may run now.
    ///
    /// # Errors
    /// Those of `sched_getaffinity(2)`, on machines with more than 1024 processors above all.
    pub fn of_this_thread() -> io::Result<Placement> {
        Ok(Placement { allowed: sched_getaffinity(None)? })
    }

    /// Keeps the calling thread on one processor of those on which it may run. Returns whether that is one of them.
    pub fn keep_on(&self, cpu: u32) -> bool {
        if !self.allows(cpu) {
            return false;
        }
        let mut one = CpuSet::new();
        one.set(cpu as usize);
        sched_setaffinity(None, &one).is_ok()
    }

    /// As [`Placement::keep_on`], where the processor that is left stays busy for a millisecond: the scheduler wakes a thread
    /// on the processor where it was before its last move, if that is idle (`select_idle_sibling`), so whoever follows a thread
    /// would drive it away each time.
    pub fn follow_to(&self, cpu: u32) -> bool {
        let left = u32::try_from(sched_getcpu()).ok().filter(|left| *left != cpu);
        let busy = left.and_then(|left| Busy::start(*self, left));
        let kept = self.keep_on(cpu);
        if let Some(busy) = busy {
            busy.wait_for_it();
        }
        kept
    }

    /// Keeps the calling thread off one processor. Returns whether others are left on which it may run.
    pub fn keep_off(&self, cpu: u32) -> bool {
        let mut others = self.allowed;
        if (cpu as usize) < CPUS {
            others.unset(cpu as usize);
        }
        sched_setaffinity(None, &others).is_ok()
    }

    /// Lets the calling thread run where it could run before.
    pub fn release(&self) {
        // It fails only where all these processors were taken away since, and then the kernel has chosen others.
        let _ = sched_setaffinity(None, &self.allowed);
    }

    /// Whether it may run on that processor.
    pub fn allows(&self, cpu: u32) -> bool {
        let cpu = cpu as usize;
        cpu < CPUS && self.allowed.is_set(cpu)
    }

    /// On how many processors it may run.
    pub fn processors(&self) -> usize {
        self.allowed.count() as usize
    }
}

/// A thread that keeps a processor busy.
struct Busy(Arc<AtomicBool>);

impl Busy {
    /// `None` if there can be none: everything works without.
    fn start(placement: Placement, cpu: u32) -> Option<Busy> {
        let runs = Arc::<AtomicBool>::default();
        let tell = Arc::clone(&runs);
        let spin = move || {
            if placement.keep_on(cpu) {
                tell.store(true, Ordering::Release);
                let begin = Instant::now();
                while begin.elapsed() < MOMENT {
                    spin_loop();
                }
            }
        };
        let thread = thread::Builder::new().name("follow".to_owned()).stack_size(STACK);
        thread.spawn(spin).ok().map(|_| Busy(runs))
    }

    fn wait_for_it(self) {
        let begin = Instant::now();
        while !self.0.load(Ordering::Acquire) && begin.elapsed() < MOMENT {
            spin_loop();
        }
    }
}

/// The processor on which a process's main thread ran last, `None` if it is gone. Some 7 µs; what other threads do is not
/// seen.
pub fn cpu_of(pid: u32) -> Option<u32> {
    last_cpu(pid).ok()
}

/// Asks for short slices of the processor (`sched_setattr(2)` with a runtime): a thread that works for some microseconds at a
/// time is let in sooner beside threads that work all the time. Kernels before Linux 6.12 take no notice of it.
///
/// # Errors
/// Those of the call.
pub fn shorten_slice() -> io::Result<()> {
    let attributes = Attributes { size: ATTRIBUTES_SIZE, runtime: SLICE, ..Attributes::default() };
    // SAFETY: the structure is the kernel's `struct sched_attr` in its first version, whose size it carries, and lives
    // until the call returns; thread 0 is the calling one.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `SCHED_ATTR_SIZE_VER0`.
const ATTRIBUTES_SIZE: u32 = 48;
const _: () = assert!(size_of::<Attributes>() == ATTRIBUTES_SIZE as usize);

/// The kernel's `struct sched_attr`, first version. Policy 0 is `SCHED_OTHER`, nice 0.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stays_where_it_is_kept_and_goes_where_it_may() {
        let placement = Placement::of_this_thread().unwrap();
        let before = sched_getaffinity(None).unwrap();
        let number = |cpu: usize| u32::try_from(cpu).unwrap();
        let cpus = (0..CPUS).filter(|cpu| before.is_set(*cpu));
        for cpu in cpus {
            assert!(placement.keep_on(number(cpu)));
            assert_eq!(rustix::thread::sched_getcpu(), cpu);
            assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
            assert!(placement.follow_to(number(cpu)));
            assert_eq!(rustix::thread::sched_getcpu(), cpu);
            if before.count() > 1 {
                assert!(placement.keep_off(number(cpu)));
                assert_ne!(rustix::thread::sched_getcpu(), cpu);
            }
            placement.release();
            assert_eq!(sched_getaffinity(None).unwrap(), before);
        }
        assert!(cpu_of(std::process::id()).is_some());
        sched_setaffinity(None, &before).unwrap();
        assert_eq!(placement.processors(), before.count() as usize);
        let none = (0..CPUS).find(|cpu| !before.is_set(*cpu));
        assert!(none.is_none_or(|cpu| !placement.keep_on(number(cpu))));
        assert!(!placement.keep_on(u32::MAX));
    }

    #[test]
    fn slices_can_be_shortened() {
        shorten_slice().unwrap();
    }

    #[test]
    fn nobody_knows_where_a_dead_process_is() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(cpu_of(child.id()), None);
    }
}
