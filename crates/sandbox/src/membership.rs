//! What the process that asks the kernel about tasks takes from itself.

use crate::calls::{self, Alternative};
use crate::{SandboxError, capabilities, thread};
use rustix::thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities};

/// With these, programs of BPF are loaded, attached and run; nothing else can be done with them.
pub const BPF_CAPABILITIES: [(CapabilitySet, &str); 2] =
    [(CapabilitySet::BPF, "CAP_BPF"), (CapabilitySet::PERFMON, "CAP_PERFMON")];

/// Leaves the calling process [`BPF_CAPABILITIES`], and programs that it executes no others. Without `CAP_SETPCAP` the
/// bounding set stays as it is.
///
/// # Errors
/// Those of `capget(2)`, `capset(2)` and `prctl(2)`.
pub fn keep_bpf_capabilities() -> Result<(), SandboxError> {
    let kept = BPF_CAPABILITIES.iter().fold(CapabilitySet::empty(), |sum, (capability, _)| sum | *capability);
    let before = capabilities::own()?;
    capabilities::clear_bounding_set(kept)?;
    clear_ambient_capability_set().map_err(|errno| SandboxError::Ambient(errno.into()))?;
    let left = kept & before.permitted;
    let sets = CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|errno| SandboxError::Reduce(errno.into()))
}

/// Calls whose arguments do not matter.
const PLAIN: &[libc::c_long] = &[
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_ppoll,
    libc::SYS_epoll_pwait,
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Older names of the same, which C libraries prefer where they exist.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_epoll_wait];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// From here on the process can make `bpf(2)` calls with these commands, wait, read, write and exchange messages on what is
/// open, and nothing else; a call that is not on the list ends it. Where the kernel has Landlock, it can name no file and
/// reach no other process either.
///
/// # Errors
/// [`SandboxError::Filter`] and [`SandboxError::Landlock`].
pub fn confine_to_bpf(commands: &[u32]) -> Result<(), SandboxError> {
    thread::confine_thread()?;
    let executable = libc::PROT_EXEC.cast_unsigned();
    let own = std::process::id();
    let restricted: [(libc::c_long, Vec<Alternative>); 5] = [
        (libc::SYS_bpf, calls::one_of(0, commands)),
        (libc::SYS_mmap, vec![vec![calls::without(2, executable)]]),
        (libc::SYS_mprotect, vec![vec![calls::without(2, executable)]]),
        // Programs that are built to be debugged look whether what they close is open.
        (libc::SYS_fcntl, vec![vec![calls::is(1, libc::F_GETFD.cast_unsigned())]]),
        // To abort.
        (libc::SYS_tgkill, vec![vec![calls::is(0, own)]]),
    ];
    let plain = PLAIN.iter().chain(OLDER).map(|call| (*call, Vec::new()));
    calls::allow_only("calls of the process that looks at tasks", plain.chain(restricted).collect())
}
