//! On which processor a thread runs, and for how long at a time.

use crate::identity::process::last_cpu;
use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

/// Numbers of processors that fit into a [`CpuSet`].
const CPUS: usize = CpuSet::MAX_CPU;

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

/// The processor on which a process's main thread ran last, `None` if it is gone. Some 7 µs; what other threads do is not
/// seen.
pub fn cpu_of(pid: u32) -> Option<u32> {
    last_cpu(pid).ok()
}

/// Asks for short slices of the processor (`sched_setattr(2)` with a runtime): a thread that works for some microseconds at a
/// time is let in sooner beside threads that work all the time. Kernels before Linux 6.12 take no notice of it. Its nice value
/// stays as it is.
///
/// # Errors
/// Those of the calls.
pub fn shorten_slice() -> io::Result<()> {
    // The call sets both, and asked to keep what there is it keeps both.
    let nice = getpriority_process(None)?;
    let attributes = Attributes { size: ATTRIBUTES_SIZE, runtime: SLICE, nice, ..Attributes::default() };
    // SAFETY: the structure is the kernel's `struct sched_attr` in its first version, whose size it carries, and lives
    // until the call returns; thread 0 is the calling one.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The nice value before [`boost_priority`]; `i32::MAX` if nobody has called that.
static ORDINARY: AtomicI32 = AtomicI32::new(i32::MAX);

/// Lowers the nice value of the calling thread, and so of those that it starts, by this much; -20 is the lowest. To be called
/// once in a process.
///
/// # Errors
/// `EACCES` without `CAP_SYS_NICE` and beyond `RLIMIT_NICE`.
pub fn boost_priority(by: u8) -> io::Result<()> {
    let ordinary = getpriority_process(None)?;
    setpriority_process(None, ordinary.saturating_sub(i32::from(by)))?;
    ORDINARY.store(ordinary, Ordering::Relaxed);
    Ok(())
}

/// The calling thread does without the boost that the one which has started it has.
pub fn give_up_boost() {
    let ordinary = ORDINARY.load(Ordering::Relaxed);
    if ordinary != i32::MAX {
        // Raising a nice value is always allowed.
        let _ = setpriority_process(None, ordinary);
    }
}

/// `SCHED_ATTR_SIZE_VER0`.
const ATTRIBUTES_SIZE: u32 = 48;
const _: () = assert!(size_of::<Attributes>() == ATTRIBUTES_SIZE as usize);

/// The kernel's `struct sched_attr`, first version. Policy 0 is `SCHED_OTHER`.
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
    fn slices_can_be_shortened_and_nice_values_stay() {
        // A thread has both for itself.
        let thread = std::thread::spawn(|| {
            setpriority_process(None, 7).unwrap();
            shorten_slice().unwrap();
            assert_eq!(getpriority_process(None), Ok(7));
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_priority_is_raised_as_far_as_there_are_any() {
        let thread = std::thread::spawn(|| {
            let nice = || getpriority_process(None).unwrap();
            let ordinary = nice();
            give_up_boost();
            assert_eq!(nice(), ordinary, "there is none");
            for by in [0, 4, u8::MAX] {
                if let Err(error) = boost_priority(by) {
                    assert_eq!(error.raw_os_error(), Some(libc::EACCES));
                    eprintln!("only half was tried: a boost needs CAP_SYS_NICE");
                    return;
                }
                let boosted = (ordinary - i32::from(by)).max(-20);
                assert_eq!(nice(), boosted);
                let started = std::thread::spawn(move || {
                    let inherited = nice();
                    give_up_boost();
                    (inherited, nice())
                });
                assert_eq!(started.join().unwrap(), (boosted, ordinary));
                give_up_boost();
            }
        });
        thread.join().unwrap();
    }

    #[test]
    fn nobody_knows_where_a_dead_process_is() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(cpu_of(child.id()), None);
    }
}
