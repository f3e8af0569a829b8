//! What this process may do, and what the kernel offers beside seccomp.

use super::Support;
use crate::identity::capabilities::{self, Capability, CapabilitySet};
use crate::identity::namespace::{self, INITIAL_USER_INODE, NamespaceFile, NamespaceKind};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The user id of "nobody", with which root tries what users without privileges may do.
const NOBODY: u32 = 65534;

pub(super) fn pid_translation() -> Support {
    Support::when(
        namespace::kernel_translates_pids(),
        "This kernel cannot translate process ids (Linux 6.11); auditns reads them from /proc, which is slower.",
    )
}

pub(super) fn pidfd_namespaces() -> Support {
    Support::when(
        namespace::kernel_names_namespaces_of_pidfds(),
        "This kernel cannot name the namespaces of a pidfd (Linux 6.11); auditns reads /proc, which is as good.",
    )
}

pub(super) fn keep_privileges() -> Support {
    Support::when(
        own_capabilities().has(Capability::SysAdmin),
        "Without CAP_SYS_ADMIN the filter needs no-new-privileges, so su, sudo and other set-user-ID programs do not \
         gain privileges below it.",
    )
}

pub(super) fn loginuid_reset() -> Support {
    if !own_capabilities().has(Capability::AuditControl) {
        return Support::missing(
            "Unsetting the login uid needs CAP_AUDIT_CONTROL, which this process does not have.",
        );
    }
    Support::when(
        in_initial_user_namespace(),
        "Unsetting the login uid needs CAP_AUDIT_CONTROL in the initial user namespace, and this is another one.",
    )
}

pub(super) fn initial_user_namespace() -> Support {
    Support::when(
        in_initial_user_namespace(),
        "This process is in a user namespace of its own; it serves members of that namespace and those below.",
    )
}

/// Lets a child without privileges make a user namespace. The child is ended before it executes anything: its last
/// step fails on purpose, with a number that `unshare` never gives.
pub(super) fn user_namespaces() -> Support {
    let mut command = Command::new("/proc/self/exe");
    // In a user namespace of its own this process counts as one without privileges, and "nobody" may not exist there.
    if in_initial_user_namespace() && own_capabilities().has(Capability::SetUid) {
        command.uid(NOBODY);
    }
    // SAFETY: the closure makes one system call and neither allocates nor locks.
    unsafe { command.pre_exec(unshare_and_stop) };
    match command.spawn() {
        Ok(mut child) => {
            let _ = child.kill();
            let _ = child.wait();
            Support::missing("Whether user namespaces can be made could not be tried.")
        }
        Err(error) if error.raw_os_error() == Some(libc::ECANCELED) => Support::Supported,
        Err(error) => Support::missing(format!(
            "Users without privileges cannot make user namespaces here ({error}); see the sysctls \
             user.max_user_namespaces, kernel.unprivileged_userns_clone and \
             kernel.apparmor_restrict_unprivileged_userns."
        )),
    }
}

fn unshare_and_stop() -> io::Result<()> {
    // SAFETY: unshare with this flag touches no memory.
    let made = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
    Err(if made { io::Error::from_raw_os_error(libc::ECANCELED) } else { io::Error::last_os_error() })
}

/// Asks for a ring with no parameters, which a kernel that offers rings refuses with another number than one that does
/// not.
pub(super) fn io_uring() -> Support {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: the kernel checks the null pointer and answers EFAULT.
    let answer = unsafe { libc::syscall(libc::SYS_io_uring_setup, 0, nothing) };
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        _ if answer >= 0 => Support::Supported,
        Some(libc::EFAULT | libc::EINVAL) => Support::Supported,
        Some(libc::ENOSYS) => Support::missing("This kernel has no io_uring, so nothing has to be refused."),
        _ => Support::missing(format!("This host does not permit io_uring here ({error}).")),
    }
}

fn own_capabilities() -> CapabilitySet {
    capabilities::own().unwrap_or_default()
}

fn in_initial_user_namespace() -> bool {
    NamespaceFile::own(NamespaceKind::User).is_ok_and(|namespace| namespace.id().inode == INITIAL_USER_INODE)
}
