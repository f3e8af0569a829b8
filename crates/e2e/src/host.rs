//! The machine's own kernel audit: watched, and changed only while a lock says that nobody else does.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, netlink, recv, socket_with};

use crate::process;

/// Everybody who changes the kernel's audit state for a test holds this lock.
const LOCK: &str = "/run/lock/auditns-kernel-audit.lock";

/// Bytes of records that may wait to be looked at: others' programs cause some as well, and in bursts.
const QUEUE: usize = 16 << 20;

/// The kernel's audit, enabled and listened to by its multicast group until dropped. The kernel then is as a fresh one:
/// disabled, without rules.
#[derive(Debug)]
pub struct Kernel {
    socket: OwnedFd,
    // Last: released after the state is restored.
    _lock: File,
}

/// The kernel's audit as it is: nobody changes it until this is dropped. Several can have it so at a time. Whoever has
/// [`Kernel`] cannot, and waits for ever.
#[derive(Debug)]
pub struct Unchanged(#[expect(dead_code, reason = "it is held")] File);

impl Unchanged {
    /// Waits until nobody changes it.
    ///
    /// # Panics
    /// When the lock file cannot be made or locked.
    pub fn hold() -> Unchanged {
        Unchanged(locked(FlockOperation::LockShared))
    }
}

fn locked(operation: FlockOperation) -> File {
    let lock = File::create(LOCK).expect("the lock of the kernel's audit state can be made");
    flock(&lock, operation).expect("a lock file can be locked");
    lock
}

fn auditctl(arguments: &[&str]) -> String {
    process::must(Command::new("auditctl").args(arguments), Duration::from_secs(10))
}

/// The kernel's status as `auditctl -s` prints it; one value.
///
/// # Panics
/// When the kernel does not answer or does not know the value.
pub fn status(name: &str) -> u64 {
    let text = auditctl(&["-s"]);
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .unwrap_or_else(|| panic!("the kernel's audit status has no {name}:\n{text}"))
}

/// What can be set of the kernel's audit: its status without counters, and its rules, as auditctl prints them.
///
/// # Panics
/// When the kernel does not answer.
pub fn settings() -> String {
    let counters = ["lost ", "backlog ", "backlog_wait_time_actual "];
    let mut text = auditctl(&["-s"]);
    text.push_str(&auditctl(&["-l"]));
    text.lines()
        .filter(|line| !counters.iter().any(|name| line.starts_with(name)))
        .collect::<Vec<_>>()
        .join("\n")
}

impl Kernel {
    /// Waits for the lock, joins the multicast group and enables auditing.
    ///
    /// # Panics
    /// When the kernel refuses: the tests need root in the initial namespaces.
    pub fn enable() -> Self {
        let lock = locked(FlockOperation::LockExclusive);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::AUDIT))
            .expect("root may open an audit socket");
        bind(&socket, &SocketAddrNetlink::new(0, 1)).expect("root may join the audit multicast group");
        set_socket_recv_buffer_size_force(&socket, QUEUE).expect("root may have long queues");
        auditctl(&["-b", "8192"]);
        auditctl(&["-e", "1"]);
        Self { socket, _lock: lock }
    }

    /// All record texts that came since the last call.
    ///
    /// # Panics
    /// When the socket's queue ran over: the texts are incomplete then.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut buffer = vec![0_u8; 16384];
        loop {
            match recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty()) {
                // The text follows the 16 bytes of the netlink header.
                Ok((length, _)) if length >= 16 => {
                    texts.push(String::from_utf8_lossy(&buffer[16..length]).into_owned());
                }
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => return texts,
                Err(error) => panic!("the kernel's audit multicast failed: {error}"),
            }
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        for arguments in [["-e", "0"].as_slice(), &["-b", "64"], &["-D"], &["--reset-lost"]] {
            let finished = process::run(Command::new("auditctl").args(arguments), Duration::from_secs(10));
            if finished.code() != Some(0) {
                eprintln!("cannot restore the kernel's audit state by {arguments:?}: {}", finished.report());
            }
        }
    }
}
