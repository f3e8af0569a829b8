//! What every kind of profile has the supervisor asked about, or refuses: calls, signals and numbers.

/// The bits of an `int` argument that the kernel looks at.
pub(super) const INT: u64 = 0xffff_ffff;
pub(super) const AF_NETLINK: u64 = 16;
pub(super) const NETLINK_AUDIT: u64 = 9;
/// Descriptor numbers of audit sockets: 832 to 895. They are the numbers that are alike but for some low bits, so that one
/// comparison is enough.
pub(super) const SOCKETS: (u64, u64) = (832, 895);
/// Calls that are answered at these numbers.
pub(super) const ON_SOCKETS: [&str; 8] =
    ["bind", "connect", "listen", "shutdown", "getsockname", "getpeername", "setsockopt", "getsockopt"];
/// Calls that send a signal, and the argument that names it.
pub(super) const SIGNALLING: [(&str, u64); 6] = [
    ("kill", 1),
    ("tkill", 1),
    ("tgkill", 2),
    ("rt_sigqueueinfo", 1),
    ("rt_tgsigqueueinfo", 2),
    ("pidfd_send_signal", 1),
];
/// Signals whose sender an audit daemon may ask for: `SIGHUP`, `SIGUSR1`, `SIGUSR2`, `SIGTERM`.
pub(super) const SIGNALS: [u64; 4] = [1, 10, 12, 15];
/// What copies to the number of an audit socket fail with: `EBUSY`.
pub(super) const COPY_ERRNO: u64 = 16;
/// `F_DUPFD`, `F_DUPFD_CLOEXEC`: a copy at the lowest free number from the third argument on. In order.
pub(super) const COPY_FROM: [u64; 2] = [0, 1030];

/// The mask that leaves, of the numbers of such a range, the first one.
pub(super) fn mask((first, last): (u64, u64)) -> u64 {
    INT & !(last - first)
}
