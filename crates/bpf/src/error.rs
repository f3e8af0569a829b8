//! Why senders cannot be noted.

use std::io;

/// Why the program could not be loaded. Without it everything works, slower.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel is older than all those that the program was made for.
    #[error("the BPF program needs Linux 5.17 or later, and this is {release:?}; use a newer kernel")]
    KernelTooOld {
        /// What the kernel calls itself.
        release: String,
    },
    /// The kernel was built without a description of its types.
    #[error(
        "the BPF program needs /sys/kernel/btf/vmlinux, which is not here; use a kernel with CONFIG_DEBUG_INFO_BTF and \
         mount /sys"
    )]
    NoKernelTypes,
    /// Process numbers that the program notes are others than those of this process.
    #[error(
        "the BPF program knows processes by their numbers in the first PID namespace, and this process is in another; \
         start it outside of containers"
    )]
    OtherPidNamespace,
    /// Own capabilities could not be read.
    #[error("what this process may do could not be read ({0}); mount /proc")]
    OwnStatus(#[source] io::Error),
    /// Not privileged enough.
    #[error("loading the BPF program needs {missing}; give this process that capability")]
    MissingCapabilities {
        /// Their names.
        missing: String,
    },
    /// The program's file does not fit this kernel, or its memory was refused.
    #[error(
        "the BPF program could not be prepared for this kernel ({error}; {said}); report this with the kernel's version"
    )]
    Prepare {
        /// What failed.
        #[source]
        error: libbpf_rs::Error,
        /// What libbpf complained of first.
        said: String,
    },
    /// The kernel's verifier or a security module refused the program.
    #[error(
        "the kernel refused the BPF program ({error}; {said}); see whether a security module or lockdown forbids BPF"
    )]
    Refused {
        /// What failed.
        #[source]
        error: libbpf_rs::Error,
        /// What libbpf complained of first.
        said: String,
    },
    /// A program does not run where it should.
    #[error(
        "the BPF program {program:?} could not be attached ({error}); report this with the kernel's version"
    )]
    Attach {
        /// Which one.
        program: &'static str,
        /// Why.
        #[source]
        error: libbpf_rs::Error,
    },
    /// Where the kernel keeps tags was not found.
    #[error("the kernel's storage of tasks could not be found ({0}); report this with the kernel's version")]
    Storage(String),
    /// No descriptor for the program.
    #[error("the BPF program's descriptor could not be copied ({0}); raise the limit of open files")]
    Descriptor(#[source] io::Error),
    /// The shared memory could not be mapped.
    #[error(
        "the memory shared with the BPF program, 8 MiB at most, could not be mapped ({0}); allow more memory"
    )]
    Map(#[source] io::Error),
    /// The sockets for the trial could not be used.
    #[error(
        "the BPF program could not be tried on a socket pair ({0}); see whether sockets are forbidden or used up"
    )]
    Trial(#[source] io::Error),
    /// A connection for the trial could not be attached.
    #[error("the BPF program could not be tried: {0}")]
    TrialAttach(#[source] AttachError),
    /// The program notes something else than what this process sent.
    #[error("the BPF program saw {seen} where {expected} was sent; report this with the kernel's version")]
    TrialFailed {
        /// What was sent.
        expected: String,
        /// What was noted.
        seen: String,
    },
}

/// Why the senders of a connection are not noted. The connection works as before.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The socket has no cookie.
    #[error("the socket's cookie could not be read ({0}); attach a socket")]
    Cookie(#[source] io::Error),
    /// It is noted already.
    #[error("the socket with cookie {cookie} is watched already; drop the other watch first")]
    Watched {
        /// The socket's cookie.
        cookie: u64,
    },
    /// All slots where it could be noted are in use.
    #[error("no slot is free for the socket with cookie {cookie} among {slots}; close other audit sockets")]
    NoSlot {
        /// The socket's cookie.
        cookie: u64,
        /// How many slots there are.
        slots: u32,
    },
    /// The kernel refused it.
    #[error("the BPF program could not be attached to the socket ({0}); see net.core.optmem_max")]
    Filter(#[source] io::Error),
}
