//! Sockets for tests.

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::os::fd::OwnedFd;
use std::path::Path;

/// A socket that keeps messages apart and listens at a path, on which nothing is left.
pub(crate) fn seqpacket(path: &Path) -> OwnedFd {
    let _ = std::fs::remove_file(path);
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    listen(&socket, 16).unwrap();
    socket
}
