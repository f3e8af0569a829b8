//! The way to whoever listens at `NOTIFY_SOCKET`.

use crate::message::DESCRIPTORS_PER_MESSAGE;
use rustix::io::{Errno, IoSlice};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sendmsg_addr, socket_with,
};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a listener that does not read is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A socket and the address to send to. The address is looked up for each message, so that a new listener is found.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
    address: SocketAddrUnix,
    stalled: AtomicBool,
}

/// The address that a text stands for: an absolute path, or `@` and an abstract name.
pub(crate) fn address(text: &OsStr) -> Option<SocketAddrUnix> {
    match text.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => SocketAddrUnix::new_abstract_name(name).ok(),
        [b'/', ..] => SocketAddrUnix::new(text).ok(),
        _ => None,
    }
}

impl Channel {
    pub(crate) fn new(address: SocketAddrUnix) -> rustix::io::Result<Channel> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        sockopt::set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        Ok(Channel { socket, address, stalled: AtomicBool::new(false) })
    }

    /// Sends a message. Waits for a listener that does not read once; the next messages fail at once, until one is taken.
    pub(crate) fn send(&self, text: &str, fds: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
        let stalled = self.stalled.load(Ordering::Relaxed);
        let sent =
            if stalled { self.offer(text, fds) } else { self.send_with(text, fds, SendFlags::empty()) };
        self.stalled.store(sent == Err(Errno::AGAIN), Ordering::Relaxed);
        sent
    }

    /// Sends a message if that takes no time.
    pub(crate) fn offer(&self, text: &str, fds: &[BorrowedFd<'_>]) -> rustix::io::Result<()> {
        self.send_with(text, fds, SendFlags::DONTWAIT)
    }

    fn send_with(&self, text: &str, fds: &[BorrowedFd<'_>], flags: SendFlags) -> rustix::io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_PER_MESSAGE))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(Errno::TOOMANYREFS);
        }
        loop {
            let text = [IoSlice::new(text.as_bytes())];
            match sendmsg_addr(&self.socket, &self.address, &text, &mut control, flags | SendFlags::NOSIGNAL)
            {
                Err(Errno::INTR) => {}
                sent => return sent.map(|_| ()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::time::Instant;

    #[test]
    fn addresses_are_paths_and_abstract_names() {
        let known = |text: &str| address(OsStr::new(text));
        assert_eq!(known("/run/x").unwrap().path_bytes(), Some(&b"/run/x"[..]));
        assert_eq!(known("@x").unwrap().abstract_name(), Some(&b"x"[..]));
        for other in ["", "@", "x", "vsock:2:1", "/a\0b", &"/x".repeat(60)] {
            assert!(known(other).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_listener_that_does_not_read_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixDatagram::bind(&path).unwrap();
        let channel = Channel::new(address(path.as_os_str()).unwrap()).unwrap();
        while channel.offer("x", &[]).is_ok() {}
        let begun = Instant::now();
        assert_eq!(channel.send("y", &[]), Err(Errno::AGAIN));
        assert!(begun.elapsed() >= PATIENCE);
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(channel.send("y", &[]), Err(Errno::AGAIN));
        }
        assert!(begun.elapsed() < PATIENCE);
        listener.set_nonblocking(true).unwrap();
        while listener.recv(&mut [0; 8]).is_ok() {}
        channel.send("z", &[]).unwrap();
        assert!(!channel.stalled.load(Ordering::Relaxed));
    }

    #[test]
    fn a_new_listener_at_the_address_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let channel = Channel::new(address(path.as_os_str()).unwrap()).unwrap();
        assert_eq!(channel.send("x", &[]), Err(Errno::NOENT));
        for _ in 0..2 {
            let listener = UnixDatagram::bind(&path).unwrap();
            channel.send("x", &[]).unwrap();
            assert_eq!(listener.recv(&mut [0; 8]).unwrap(), 1);
            std::fs::remove_file(&path).unwrap();
        }
    }
}
