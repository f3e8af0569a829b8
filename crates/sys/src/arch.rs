//! Audit architecture values and the system-call numbers that the filter looks at.

/// A calling convention that a member may use, by its `AUDIT_ARCH` value in `seccomp_data.arch`.
///
/// x32 has no value of its own: it is x86-64 with [`X32_BIT`] set in the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Architecture {
    /// x86-64, including x32.
    X86_64,
    /// 32-bit x86: a kernel of its own, or the compatibility calls (`int 0x80`) of x86-64.
    I386,
    /// 64-bit ARM.
    Aarch64,
    /// 32-bit ARM with the EABI calls: a kernel of its own, or the compatibility calls of aarch64.
    Arm,
}

/// Bit that marks an x32 call in the system-call number of x86-64.
pub const X32_BIT: u32 = 0x4000_0000;

/// `rt_sigqueueinfo` of x32, which has a number of its own because of its compat layout.
pub const X32_RT_SIGQUEUEINFO: u32 = 524;

/// `rt_tgsigqueueinfo` of x32, which has a number of its own because of its compat layout.
pub const X32_RT_TGSIGQUEUEINFO: u32 = 536;

/// `recvfrom` of x32, which has a number of its own because of its compat layout.
pub const X32_RECVFROM: u32 = 517;

/// `recvmsg` of x32, which has a number of its own because of its compat layout.
pub const X32_RECVMSG: u32 = 519;

/// `setsockopt` of x32, which has a number of its own because of its compat layout.
pub const X32_SETSOCKOPT: u32 = 541;

/// `getsockopt` of x32, which has a number of its own because of its compat layout.
pub const X32_GETSOCKOPT: u32 = 542;

/// `pidfd_send_signal` has the same number everywhere: calls added since Linux 5.1 share theirs.
pub const PIDFD_SEND_SIGNAL: u32 = 424;

/// `io_uring_setup` has the same number everywhere.
pub const IO_URING_SETUP: u32 = 425;

/// System-call numbers of one architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// The architecture to which the numbers belong.
    pub architecture: Architecture,
    /// `socket(family, type, protocol)`.
    pub socket: u32,
    /// `socketcall(call, args)`: the old multiplexer. Only i386 has it: the one of 32-bit ARM belongs to the OABI,
    /// and a kernel with OABI compatibility is built without seccomp filters.
    pub socketcall: Option<u32>,
    /// `io_uring_setup(entries, params)`.
    pub io_uring_setup: u32,
    /// `kill(pid, signal)`.
    pub kill: u32,
    /// `tkill(tid, signal)`.
    pub tkill: u32,
    /// `tgkill(tgid, tid, signal)`.
    pub tgkill: u32,
    /// `rt_sigqueueinfo(tgid, signal, info)`.
    pub rt_sigqueueinfo: u32,
    /// `rt_tgsigqueueinfo(tgid, tid, signal, info)`.
    pub rt_tgsigqueueinfo: u32,
    /// `pidfd_send_signal(pidfd, signal, info, flags)`.
    pub pidfd_send_signal: u32,
    /// Calls on a socket.
    pub on_socket: SocketCalls,
    /// Calls that copy a descriptor to a number.
    pub copy: CopyCalls,
    /// Calls that open a file by its path.
    pub open: OpenCalls,
}

/// System-call numbers of the calls that open a file by its path, and the flags of these that differ from architecture to
/// architecture. `openat2` is not among them: its flags stand in memory, where no filter sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCalls {
    /// `open(path, flags, mode)`; not on aarch64.
    pub open: Option<u32>,
    /// `openat(dirfd, path, flags, mode)`.
    pub openat: u32,
    /// `O_NOFOLLOW`.
    pub no_follow: u32,
    /// `O_LARGEFILE`, which 32-bit programs add and 64-bit kernels add themselves.
    pub large_file: u32,
}

/// System-call numbers of the calls by which a program chooses the number of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyCalls {
    /// `dup2(old, new)`; not on aarch64.
    pub dup2: Option<u32>,
    /// `dup3(old, new, flags)`.
    pub dup3: u32,
    /// `fcntl(fd, command, argument)`.
    pub fcntl: u32,
    /// `fcntl64(fd, command, argument)`; on 32-bit architectures.
    pub fcntl64: Option<u32>,
}

/// System-call numbers of the calls on a socket that depend on its family; the descriptor is their first argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketCalls {
    /// `bind(fd, address, length)`.
    pub bind: u32,
    /// `connect(fd, address, length)`.
    pub connect: u32,
    /// `listen(fd, backlog)`.
    pub listen: u32,
    /// `shutdown(fd, how)`.
    pub shutdown: u32,
    /// `getsockname(fd, address, length)`.
    pub getsockname: u32,
    /// `getpeername(fd, address, length)`.
    pub getpeername: u32,
    /// `setsockopt(fd, level, option, value, length)`.
    pub setsockopt: u32,
    /// `getsockopt(fd, level, option, value, length)`.
    pub getsockopt: u32,
    /// `recvfrom(fd, buffer, size, flags, address, length)`.
    pub recvfrom: u32,
    /// `recvmsg(fd, message, flags)`.
    pub recvmsg: u32,
}

/// The numbers of every architecture that the filter knows.
pub const TABLE: [Calls; 4] = [
    Calls {
        architecture: Architecture::X86_64,
        socket: 41,
        socketcall: None,
        io_uring_setup: IO_URING_SETUP,
        kill: 62,
        tkill: 200,
        tgkill: 234,
        rt_sigqueueinfo: 129,
        rt_tgsigqueueinfo: 297,
        pidfd_send_signal: PIDFD_SEND_SIGNAL,
        on_socket: SocketCalls {
            bind: 49,
            connect: 42,
            listen: 50,
            shutdown: 48,
            getsockname: 51,
            getpeername: 52,
            setsockopt: 54,
            getsockopt: 55,
            recvfrom: 45,
            recvmsg: 47,
        },
        copy: CopyCalls { dup2: Some(33), dup3: 292, fcntl: 72, fcntl64: None },
        open: OpenCalls { open: Some(2), openat: 257, no_follow: 0o400_000, large_file: 0o100_000 },
    },
    Calls {
        architecture: Architecture::I386,
        socket: 359,
        socketcall: Some(102),
        io_uring_setup: IO_URING_SETUP,
        kill: 37,
        tkill: 238,
        tgkill: 270,
        rt_sigqueueinfo: 178,
        rt_tgsigqueueinfo: 335,
        pidfd_send_signal: PIDFD_SEND_SIGNAL,
        on_socket: SocketCalls {
            bind: 361,
            connect: 362,
            listen: 363,
            shutdown: 373,
            getsockname: 367,
            getpeername: 368,
            setsockopt: 366,
            getsockopt: 365,
            recvfrom: 371,
            recvmsg: 372,
        },
        copy: CopyCalls { dup2: Some(63), dup3: 330, fcntl: 55, fcntl64: Some(221) },
        open: OpenCalls { open: Some(5), openat: 295, no_follow: 0o400_000, large_file: 0o100_000 },
    },
    Calls {
        architecture: Architecture::Aarch64,
        socket: 198,
        socketcall: None,
        io_uring_setup: IO_URING_SETUP,
        kill: 129,
        tkill: 130,
        tgkill: 131,
        rt_sigqueueinfo: 138,
        rt_tgsigqueueinfo: 240,
        pidfd_send_signal: PIDFD_SEND_SIGNAL,
        on_socket: SocketCalls {
            bind: 200,
            connect: 203,
            listen: 201,
            shutdown: 210,
            getsockname: 204,
            getpeername: 205,
            setsockopt: 208,
            getsockopt: 209,
            recvfrom: 207,
            recvmsg: 212,
        },
        copy: CopyCalls { dup2: None, dup3: 24, fcntl: 25, fcntl64: None },
        open: OpenCalls { open: None, openat: 56, no_follow: 0o100_000, large_file: 0o400_000 },
    },
    Calls {
        architecture: Architecture::Arm,
        socket: 281,
        socketcall: None,
        io_uring_setup: IO_URING_SETUP,
        kill: 37,
        tkill: 238,
        tgkill: 268,
        rt_sigqueueinfo: 178,
        rt_tgsigqueueinfo: 363,
        pidfd_send_signal: PIDFD_SEND_SIGNAL,
        on_socket: SocketCalls {
            bind: 282,
            connect: 283,
            listen: 284,
            shutdown: 293,
            getsockname: 286,
            getpeername: 287,
            setsockopt: 294,
            getsockopt: 295,
            recvfrom: 292,
            recvmsg: 297,
        },
        copy: CopyCalls { dup2: Some(63), dup3: 358, fcntl: 55, fcntl64: Some(221) },
        open: OpenCalls { open: Some(5), openat: 322, no_follow: 0o100_000, large_file: 0o400_000 },
    },
];

impl Architecture {
    /// The `AUDIT_ARCH_*` value: ELF machine number, bit 31 for 64-bit, bit 30 for little-endian.
    pub const fn audit_value(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xc000_00b7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// The architecture of an `AUDIT_ARCH_*` value, if it is one of ours.
    pub fn from_audit_value(value: u32) -> Option<Self> {
        TABLE.iter().map(|calls| calls.architecture).find(|known| known.audit_value() == value)
    }

    /// Whether this machine's kernel takes such calls, if it is built for that.
    pub const fn is_of_this_machine(self) -> bool {
        match self {
            Self::X86_64 | Self::I386 => cfg!(target_arch = "x86_64"),
            Self::Aarch64 | Self::Arm => cfg!(target_arch = "aarch64"),
        }
    }

    /// The numbers of this architecture.
    pub const fn calls(self) -> &'static Calls {
        match self {
            Self::X86_64 => &TABLE[0],
            Self::I386 => &TABLE[1],
            Self::Aarch64 => &TABLE[2],
            Self::Arm => &TABLE[3],
        }
    }

    /// The system-call number without the bit that only marks x32.
    pub const fn without_x32_bit(self, number: u32) -> u32 {
        match self {
            Self::X86_64 => number & !X32_BIT,
            Self::I386 | Self::Aarch64 | Self::Arm => number,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_architecture_finds_its_own_row() {
        for row in &TABLE {
            assert_eq!(row.architecture.calls(), row);
            assert_eq!(
                Architecture::from_audit_value(row.architecture.audit_value()),
                Some(row.architecture)
            );
        }
        assert_eq!(Architecture::from_audit_value(0x8000_0016), None);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn numbers_of_this_machine_are_those_of_its_headers() {
        let calls = Architecture::X86_64.calls();
        let ours = [
            calls.socket,
            calls.io_uring_setup,
            calls.kill,
            calls.tkill,
            calls.tgkill,
            calls.rt_sigqueueinfo,
            calls.rt_tgsigqueueinfo,
            calls.pidfd_send_signal,
            calls.on_socket.bind,
            calls.on_socket.connect,
            calls.on_socket.listen,
            calls.on_socket.shutdown,
            calls.on_socket.getsockname,
            calls.on_socket.getpeername,
            calls.on_socket.setsockopt,
            calls.on_socket.getsockopt,
            calls.on_socket.recvfrom,
            calls.on_socket.recvmsg,
            calls.copy.dup2.unwrap(),
            calls.copy.dup3,
            calls.copy.fcntl,
            calls.open.open.unwrap(),
            calls.open.openat,
        ];
        let headers = [
            libc::SYS_socket,
            libc::SYS_io_uring_setup,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_tgkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_pidfd_send_signal,
            libc::SYS_bind,
            libc::SYS_connect,
            libc::SYS_listen,
            libc::SYS_shutdown,
            libc::SYS_getsockname,
            libc::SYS_getpeername,
            libc::SYS_setsockopt,
            libc::SYS_getsockopt,
            libc::SYS_recvfrom,
            libc::SYS_recvmsg,
            libc::SYS_dup2,
            libc::SYS_dup3,
            libc::SYS_fcntl,
            libc::SYS_open,
            libc::SYS_openat,
        ];
        assert_eq!(ours.map(i64::from), headers);
        assert_eq!(calls.open.no_follow, libc::O_NOFOLLOW.cast_unsigned());
    }

    #[test]
    fn only_x86_64_drops_the_x32_bit() {
        let marked = X32_BIT + 41;
        assert_eq!(Architecture::X86_64.without_x32_bit(marked), 41);
        assert_eq!(Architecture::I386.without_x32_bit(marked), marked);
    }
}
