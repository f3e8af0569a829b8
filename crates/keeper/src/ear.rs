//! Hearing the server.

use crate::message::{DESCRIPTORS_PER_MESSAGE, LENGTH_MAX, Message};
use rustix::fs::{Mode, fchmod};
use rustix::io::{Errno, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketAddrUnix,
    SocketFlags, SocketType, bind, connect, recvmsg, socket_with, sockopt,
};
use rustix::process::Pid;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Where servers say what is to be kept.
#[derive(Debug)]
pub(crate) struct Ear {
    socket: OwnedFd,
    path: PathBuf,
}

/// What was received.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message of the server, with its descriptors.
    Server(Message, Vec<OwnedFd>),
    /// Something of the server that is no message, or that lost bytes or descriptors on the way.
    Garbled,
    /// Something of somebody else.
    Stranger,
}

impl Ear {
    /// Listens at that path, to which nobody but this user can send.
    ///
    /// # Errors
    /// `AddrInUse` if another keeper listens there; those of `bind(2)`.
    pub(crate) fn bind(path: &Path) -> io::Result<Ear> {
        let address = SocketAddrUnix::new(path)?;
        let open =
            |flags| socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC | flags, None);
        let socket = open(SocketFlags::NONBLOCK)?;
        // Before it has a name, so that no message comes without a sender, or from somebody else.
        sockopt::set_socket_passcred(&socket, true)?;
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        let mut bound = bind(&socket, &address);
        let refused =
            || Ok::<_, Errno>(connect(open(SocketFlags::empty())?, &address) == Err(Errno::CONNREFUSED));
        if bound == Err(Errno::ADDRINUSE) && is_socket(path) && refused()? {
            std::fs::remove_file(path)?;
            bound = bind(&socket, &address);
        }
        bound?;
        Ok(Ear { socket, path: path.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What comes next; `None` when nothing waits.
    pub(crate) fn hear(&self, server: Pid) -> io::Result<Option<Heard>> {
        let mut bytes = [0; LENGTH_MAX];
        let mut space = [MaybeUninit::uninit();
            rustix::cmsg_space!(ScmRights(DESCRIPTORS_PER_MESSAGE), ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = match recvmsg(&self.socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
            Ok(received) => received,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (mut fds, mut sender) = (Vec::new(), None);
        for part in control.drain() {
            match part {
                RecvAncillaryMessage::ScmRights(rights) => fds.extend(rights),
                RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
                _ => {}
            }
        }
        if sender != Some(server) {
            return Ok(Some(Heard::Stranger));
        }
        let whole = !received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
        let message = bytes.get(..received.bytes).filter(|_| whole).and_then(Message::parse);
        Ok(Some(message.map_or(Heard::Garbled, |message| Heard::Server(message, fds))))
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        // What is left behind is replaced by the next keeper.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{Channel, address};
    use crate::message::What;
    use rustix::process::getpid;
    use std::os::unix::fs::MetadataExt;

    fn ear() -> (tempfile::TempDir, Ear, Channel) {
        let folder = tempfile::tempdir().unwrap();
        let ear = Ear::bind(&folder.path().join("keeper")).unwrap();
        let channel = Channel::new(address(ear.path().as_os_str()).unwrap()).unwrap();
        (folder, ear, channel)
    }

    #[test]
    fn one_keeper_listens_at_a_path_and_leftovers_are_replaced() {
        let (folder, ear, _) = ear();
        let path = ear.path().to_owned();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(Ear::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let left = folder.path().join("left");
        drop(std::os::unix::net::UnixDatagram::bind(&left).unwrap());
        drop(Ear::bind(&left).unwrap());
        assert!(!left.exists());
        // Only sockets are replaced.
        std::fs::write(&left, "").unwrap();
        assert_eq!(Ear::bind(&left).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(left.exists());
    }

    #[test]
    fn messages_come_with_their_descriptors_and_only_from_the_server() {
        let (_folder, ear, channel) = ear();
        let file = std::fs::File::open("/dev/null").unwrap();
        let most = vec![file.as_fd(); DESCRIPTORS_PER_MESSAGE];
        channel.send("FDSTORE=1\nFDNAME=a", &most).unwrap();
        let Some(Heard::Server(message, fds)) = ear.hear(getpid()).unwrap() else { panic!("nothing heard") };
        assert_eq!((message.what, fds.len()), (What::Keep("a".to_owned()), DESCRIPTORS_PER_MESSAGE));
        channel.send("FDSTORE=1\nFDNAME=a", &[file.as_fd()]).unwrap();
        assert!(matches!(ear.hear(Pid::INIT).unwrap(), Some(Heard::Stranger)));
        assert!(ear.hear(getpid()).unwrap().is_none());
    }

    #[test]
    fn what_is_too_long_is_not_half_understood() {
        let (_folder, ear, channel) = ear();
        let text = |length: usize| format!("{:x<length$}", "READY=1\nSTATUS=");
        channel.send(&text(LENGTH_MAX), &[]).unwrap();
        assert!(matches!(ear.hear(getpid()).unwrap(), Some(Heard::Server(message, _)) if message.ready));
        channel.send(&text(LENGTH_MAX + 1), &[]).unwrap();
        assert!(matches!(ear.hear(getpid()).unwrap(), Some(Heard::Garbled)));
    }
}
