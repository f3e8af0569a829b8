//! An audit client that makes the calls of libaudit (`audit_open`, `audit_send`, `check_ack`, `audit_get_reply`).

use auditns_wire::header::{FLAG_ACK, HEADER_LENGTH, Header, messages};
use auditns_wire::message_type::{GET, NLMSG_ERROR};
use auditns_wire::payload::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recvfrom, sendto, socket_with,
};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

/// `AUDIT_USER_LOGIN`.
pub const USER_LOGIN: u16 = 1112;
/// What sshd says of a login.
pub const LOGIN: &[u8] =
    b"op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=192.0.2.7 addr=192.0.2.7 terminal=/dev/pts/0 res=success\0";

/// `NLM_F_REQUEST`.
const FLAG_REQUEST: u16 = 1;
/// `struct audit_message`, which libaudit clears for each message, and into which it receives.
const MESSAGE_LENGTH: usize = HEADER_LENGTH + 8970;
/// `struct sockaddr_nl`; another length makes libaudit refuse the answer.
const ADDRESS_LENGTH: u32 = 12;
/// How often libaudit looks for an acknowledgement, and how long each time.
const LOOKS: u32 = 81;
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

/// An audit socket.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    sequence: u32,
    received: Box<[u8; MESSAGE_LENGTH]>,
}

/// A message that was received.
#[derive(Debug)]
pub struct Reply<'a> {
    /// Its type.
    pub message_type: u16,
    /// Its sequence number.
    pub sequence: u32,
    /// What follows its header.
    pub payload: &'a [u8],
}

impl Client {
    /// As `audit_open`.
    pub fn open() -> io::Result<Client> {
        let kind = (AddressFamily::NETLINK, SocketType::RAW, SocketFlags::empty());
        let socket = socket_with(kind.0, kind.1, kind.2, Some(netlink::AUDIT))?;
        fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        Ok(Client { socket, sequence: 0, received: Box::new([0; MESSAGE_LENGTH]) })
    }

    /// The number of the socket.
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The socket.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Sends a message that asks for an acknowledgement.
    pub fn send(&mut self, message_type: u16, payload: &[u8]) -> io::Result<()> {
        self.send_with(FLAG_REQUEST | FLAG_ACK, message_type, payload)
    }

    /// Sends a message that asks for none.
    pub fn send_unacknowledged(&mut self, message_type: u16, payload: &[u8]) -> io::Result<()> {
        self.send_with(FLAG_REQUEST, message_type, payload)
    }

    fn send_with(&mut self, flags: u16, message_type: u16, payload: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = HEADER_LENGTH + payload.len().next_multiple_of(4);
        let header = Header {
            length: u32::try_from(length).map_err(io::Error::other)?,
            message_type,
            flags,
            sequence: self.sequence,
            port: 0,
        };
        let mut message = [0; MESSAGE_LENGTH];
        message[..HEADER_LENGTH].copy_from_slice(&header.encode());
        message[HEADER_LENGTH..][..payload.len()].copy_from_slice(payload);
        sendto(&self.socket, &message[..length], SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        Ok(())
    }

    /// As `audit_get_reply`.
    pub fn receive(&mut self, flags: RecvFlags) -> io::Result<Reply<'_>> {
        let (length, _, address) = recvfrom(&self.socket, &mut self.received[..], flags)?;
        if address.is_none_or(|address| address.addr_len() != ADDRESS_LENGTH) {
            return Err(io::Error::other("the address of an answer is not as long as netlink's"));
        }
        let message = messages(&self.received[..length]).next();
        let message = message.ok_or_else(|| io::Error::other("the answer is not a netlink message"))?;
        let Header { message_type, sequence, .. } = message.header;
        Ok(Reply { message_type, sequence, payload: message.payload })
    }

    /// Receives the acknowledgement of the last message, with these flags.
    pub fn take_acknowledgement(&mut self, flags: RecvFlags) -> io::Result<()> {
        let expected = self.sequence;
        let reply = self.receive(flags)?;
        let code = reply.payload.first_chunk().map(|code| i32::from_ne_bytes(*code));
        match (reply.message_type, code) {
            (NLMSG_ERROR, Some(0)) if reply.sequence == expected => Ok(()),
            (NLMSG_ERROR, Some(code)) if code != 0 => Err(io::Error::from_raw_os_error(-code)),
            _ => Err(io::Error::other(format!("{reply:?} is not the acknowledgement of {expected}"))),
        }
    }

    /// As `check_ack`.
    pub fn check_acknowledgement(&mut self) -> io::Result<()> {
        for _ in 0..LOOKS {
            let _ = poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&LOOK));
            match self.take_acknowledgement(RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                Err(error) if error.raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.take_acknowledgement(RecvFlags::DONTWAIT),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// Asks for the status of the audit system, which is recorded nowhere.
    pub fn ask_status(&mut self) -> io::Result<Status> {
        self.say(GET, &[])?;
        let reply = self.receive(RecvFlags::empty())?;
        if reply.message_type == GET {
            Ok(Status::decode(reply.payload))
        } else {
            Err(io::Error::other(format!("{reply:?} is not an audit status")))
        }
    }

    /// As `audit_send`.
    pub fn say(&mut self, message_type: u16, payload: &[u8]) -> io::Result<()> {
        self.send(message_type, payload)?;
        self.check_acknowledgement()
    }
}
