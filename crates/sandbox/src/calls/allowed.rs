//! Calls that are allowed, and with which arguments.

use super::argument::{Alternative, Rules, is, one_of, without};
use crate::Tasks;
use libc::c_long;

/// Calls whose arguments do not matter.
const PLAIN: &[c_long] = &[
    // Descriptors.
    libc::SYS_close,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_flock,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    // Files: logs, the policy, /proc.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_readlinkat,
    libc::SYS_mkdirat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    // Waiting.
    libc::SYS_ppoll,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    // Callers that take their sockets late are not waited for.
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_delete,
    libc::SYS_restart_syscall,
    // Where there is no vDSO.
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    // Memory.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_memfd_create,
    libc::SYS_getrandom,
    // Members: their memory, their sockets, their capabilities.
    libc::SYS_process_vm_readv,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_capget,
    // Of what is permitted, for one step.
    libc::SYS_capset,
    // Sockets.
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_accept4,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    // Threads, and the process that makes sockets.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_wait4,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_membarrier,
    libc::SYS_sched_yield,
    libc::SYS_getcpu,
    // Whether a listener is served already, before Linux 6.10.
    libc::SYS_kcmp,
    libc::SYS_sched_getaffinity,
    // Workers stay on their clients' processors.
    libc::SYS_sched_setaffinity,
    // Threads ask for short slices, and keep their nice value.
    libc::SYS_getpriority,
    libc::SYS_sched_setattr,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Who this is.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getcwd,
    libc::SYS_uname,
    // Threads restrict themselves further.
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    // Until the sandbox is sealed.
    libc::SYS_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_seccomp,
];

/// Older names of the same, which C libraries prefer where they exist.
#[cfg(target_arch = "x86_64")]
const OLDER: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_poll,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[c_long] = &[];

/// What may be asked of a descriptor.
const IOCTLS: &[libc::Ioctl] = &[
    // Listeners.
    libc::SECCOMP_IOCTL_NOTIF_RECV,
    libc::SECCOMP_IOCTL_NOTIF_SEND,
    libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
    libc::SECCOMP_IOCTL_NOTIF_ADDFD,
    libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS,
    // Ids of members, and their namespaces.
    libc::PIDFD_GET_INFO,
    libc::NS_GET_PARENT,
    libc::NS_GET_USERNS,
    libc::NS_GET_OWNER_UID,
    libc::NS_GET_TGID_FROM_PIDNS,
    libc::NS_GET_TGID_IN_PIDNS,
    libc::PIDFD_GET_USER_NAMESPACE,
    libc::PIDFD_GET_PID_NAMESPACE,
    // Sockets: not to block, and whether something waits unread.
    libc::FIONBIO,
    libc::TIOCOUTQ,
    // Whether standard error is a terminal.
    libc::TCGETS,
];

const FCNTLS: &[libc::c_int] = &[
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_DUPFD_CLOEXEC,
    libc::F_ADD_SEALS,
    libc::F_GET_SEALS,
];

const PRCTLS: &[libc::c_int] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_NO_NEW_PRIVS,
    libc::PR_GET_NO_NEW_PRIVS,
    // What the kernel told this program when it started it.
    PR_GET_AUXV,
];

/// The C library's crate has it for some libraries only.
const PR_GET_AUXV: libc::c_int = 0x4155_5856;

/// Every flag of `clone` that makes a namespace.
const NEW_NAMESPACES: u32 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET)
    .cast_unsigned();

pub(super) fn rules(tasks: Tasks) -> Rules {
    let mut rules: Rules = PLAIN.iter().chain(OLDER).map(|call| (*call, Vec::new())).collect();
    rules.extend(restricted(tasks));
    rules
}

fn restricted(tasks: Tasks) -> [(c_long, Vec<Alternative>); 14] {
    let own = std::process::id();
    let executable = libc::PROT_EXEC.cast_unsigned();
    let network = libc::CLONE_NEWNET.cast_unsigned();
    let gone = (libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW).cast_unsigned();
    let dead = libc::MNT_DETACH.cast_unsigned();
    [
        (libc::SYS_ioctl, one_of(1, &IOCTLS.iter().map(|request| narrow(*request)).collect::<Vec<_>>())),
        (libc::SYS_fcntl, one_of(1, &unsigned(FCNTLS))),
        (libc::SYS_prctl, one_of(0, &unsigned(PRCTLS))),
        // Of the calling thread.
        (libc::SYS_setpriority, vec![vec![is(0, 0), is(1, 0)]]),
        // No code but what the program was started with.
        (libc::SYS_mmap, vec![vec![without(2, executable)]]),
        (libc::SYS_mprotect, vec![vec![without(2, executable)]]),
        // Threads, and a process on the same memory that makes sockets (auditns_sys::Endpoints).
        (libc::SYS_clone, vec![vec![without(0, NEW_NAMESPACES), has_shared_memory()]]),
        (libc::SYS_unshare, vec![vec![is(0, network)]]),
        (libc::SYS_setns, vec![vec![is(1, network)]]),
        (libc::SYS_socket, sockets(tasks)),
        (libc::SYS_socketpair, vec![vec![is(0, libc::AF_UNIX.cast_unsigned())]]),
        // Its own limits only.
        (libc::SYS_prlimit64, vec![vec![is(0, 0)], vec![is(0, own)]]),
        // To abort.
        (libc::SYS_tgkill, vec![vec![is(0, own)]]),
        (libc::SYS_umount2, vec![vec![is(1, gone)], vec![is(1, dead)]]),
    ]
}

fn has_shared_memory() -> super::argument::Argument {
    let shared = libc::CLONE_VM.cast_unsigned();
    super::argument::Argument { at: 0, mask: shared, value: shared }
}

fn sockets(tasks: Tasks) -> Vec<Alternative> {
    let mut sockets = vec![vec![is(0, libc::AF_UNIX.cast_unsigned())]];
    if tasks.forwards {
        let (netlink, audit) = (libc::AF_NETLINK.cast_unsigned(), libc::NETLINK_AUDIT.cast_unsigned());
        sockets.push(vec![is(0, netlink), is(2, audit)]);
    }
    sockets
}

fn unsigned(values: &[libc::c_int]) -> Vec<u32> {
    values.iter().map(|value| value.cast_unsigned()).collect()
}

/// Requests have 32 bits, whatever the C library's type.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "requests have 32 bits")]
fn narrow(request: libc::Ioctl) -> u32 {
    request as u32
}
