//! Going on with a connection that a killed predecessor has begun.
//!
//! On such a connection the kernel does not introduce itself again, which a [`fuser::Session`] waits for. So the session gets
//! a socket in place of the device, the introduction is made here, and two threads pass on what is said.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;

use fuser::{Session, SessionACL};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType};

use crate::filesystem::Files;
use crate::mount::config;
use crate::mount_error::MountError;

/// The longest request, in bytes: the kernel gives nothing to whoever has less room.
const LONGEST_REQUEST: usize = 8192;

/// `FUSE_NOTIFY_RESEND`, Linux 6.9.
const RESEND: u32 = 7;

/// `FUSE_INIT`.
const INIT: u32 = 26;

/// Has the kernel send again what the predecessor had read and not answered.
///
/// # Errors
/// The connection is dead, or the kernel cannot: those who wait would wait for ever.
pub(crate) fn resend(connection: BorrowedFd<'_>) -> io::Result<()> {
    let mut descriptor = [PollFd::new(&connection, PollFlags::IN)];
    poll(&mut descriptor, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if descriptor[0].revents().intersects(PollFlags::ERR | PollFlags::HUP) {
        return Err(ErrorKind::NotConnected.into());
    }
    let mut notice = Vec::new();
    for part in [16, RESEND] {
        notice.extend_from_slice(&part.to_ne_bytes());
    }
    notice.extend_from_slice(&0_u64.to_ne_bytes());
    rustix::io::write(connection, &notice)?;
    Ok(())
}

/// Ends a connection on which nobody will answer: whoever waits gets an error. If that fails they wait until everybody has closed
/// the connection.
pub(crate) fn abort(root: BorrowedFd<'_>) {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let Ok(status) = rustix::fs::statx(root, "", flags, StatxFlags::TYPE) else { return };
    // The kernel's tree of connections is not mounted everywhere.
    if let Ok(connections) = connections() {
        let path = format!("{}/abort", status.stx_dev_minor);
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let _ = rustix::fs::openat(&connections, path, flags, Mode::empty())
            .and_then(|file| rustix::io::write(file, b"1"));
    }
}

fn connections() -> rustix::io::Result<OwnedFd> {
    let context = rustix::mount::fsopen("fusectl", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(&context)?;
    rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
}

/// What the kernel said once: version 7.31, which has all that is used here, and no abilities beyond.
fn introduction() -> Vec<u8> {
    const LENGTH: u32 = 40 + 64;
    let mut request = Vec::new();
    for part in [LENGTH, INIT, 1, 0, 0, 0, 0, 0, 0, 0, 7, 31] {
        request.extend_from_slice(&part.to_ne_bytes());
    }
    request.resize(40 + 64, 0);
    request
}

/// A session for a connection that has begun.
pub(crate) fn session(files: Files, connection: OwnedFd) -> Result<Session<Files>, MountError> {
    let handshake = |error: Errno| MountError::Handshake(error.into());
    let (ours, theirs) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(handshake)?;
    rustix::net::send(&ours, &introduction(), SendFlags::NOSIGNAL).map_err(handshake)?;
    let session =
        Session::from_fd(files, theirs, SessionACL::All, config()).map_err(MountError::Handshake)?;
    rustix::io::read(&ours, &mut [0; LONGEST_REQUEST]).map_err(handshake)?;
    let (device, ours) = (Arc::new(File::from(connection)), Arc::new(ours));
    start("auditns-fuse-in", {
        let (device, ours) = (Arc::clone(&device), Arc::clone(&ours));
        move || pass_requests(&device, ours.as_fd())
    })?;
    start("auditns-fuse-out", move || pass_replies(ours.as_fd(), &device))?;
    Ok(session)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), MountError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop).map_err(MountError::StartThread)
}

/// Until the connection ends, which ends the session.
fn pass_requests(mut device: &File, session: BorrowedFd<'_>) {
    let mut request = [0; LONGEST_REQUEST];
    loop {
        let length = match device.read(&mut request) {
            Ok(length) => length,
            // The request was taken back, or a signal came.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Interrupted) => continue,
            Err(_) => break,
        };
        if rustix::net::send(session, &request[..length], SendFlags::NOSIGNAL).is_err() {
            break;
        }
    }
    let _ = rustix::net::shutdown(session, Shutdown::Both);
}

fn pass_replies(session: BorrowedFd<'_>, mut device: &File) {
    let mut reply = [0; LONGEST_REQUEST];
    loop {
        match rustix::io::retry_on_intr(|| rustix::io::read(session, &mut reply)) {
            Ok(0) | Err(_) => return,
            // The kernel refuses an answer to a request that it has taken back.
            Ok(length) => drop(device.write(&reply[..length])),
        }
    }
}
