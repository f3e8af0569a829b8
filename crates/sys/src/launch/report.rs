//! What the child tells its parent before exec: one small message, with the listener attached if all went well.

use super::{LoginuidOutcome, Step};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How far the child came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// The step that failed and its error number; `None` if all were done.
    pub(super) failed: Option<(Step, i32)>,
    /// What was done.
    pub(super) outcome: Outcome,
    /// The child.
    pub(super) pid: u32,
}

/// What the steps did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) no_new_privileges: bool,
    pub(super) wait_killable: bool,
    pub(super) loginuid: LoginuidOutcome,
}

const LENGTH: usize = 16;
/// What lets the child go on.
const GO: &[u8] = b"go";

impl Report {
    fn encode(self) -> [u8; LENGTH] {
        let (step, errno) = match self.failed {
            None => (0, 0),
            Some((Step::Loginuid, errno)) => (1, errno),
            Some((Step::NoNewPrivileges, errno)) => (2, errno),
            Some((Step::Filter, errno)) => (3, errno),
            Some((Step::HandOver, errno)) => (4, errno),
            Some((Step::Keyring, errno)) => (5, errno),
            Some((Step::Namespace, errno)) => (6, errno),
        };
        let (loginuid, refusal) = match self.outcome.loginuid {
            LoginuidOutcome::Kept => (0, 0),
            LoginuidOutcome::WasUnset => (1, 0),
            LoginuidOutcome::Reset => (2, 0),
            LoginuidOutcome::Refused(errno) => (3, errno),
            LoginuidOutcome::Virtual => (4, 0),
        };
        let mut bytes = [0; LENGTH];
        bytes[0] = step;
        bytes[1] = loginuid;
        bytes[2] = u8::from(self.outcome.no_new_privileges);
        bytes[3] = u8::from(self.outcome.wait_killable);
        bytes[4..8].copy_from_slice(&i32::to_ne_bytes(errno));
        bytes[8..12].copy_from_slice(&i32::to_ne_bytes(refusal));
        bytes[12..].copy_from_slice(&self.pid.to_ne_bytes());
        bytes
    }

    fn decode(bytes: [u8; LENGTH]) -> Option<Self> {
        let [step, loginuid, nnp, killable, numbers @ ..] = bytes;
        let (&[errno, refusal, pid], []) = numbers.as_chunks::<4>() else { return None };
        let [errno, refusal] = [errno, refusal].map(i32::from_ne_bytes);
        let failed = match step {
            0 => None,
            1 => Some((Step::Loginuid, errno)),
            2 => Some((Step::NoNewPrivileges, errno)),
            3 => Some((Step::Filter, errno)),
            4 => Some((Step::HandOver, errno)),
            5 => Some((Step::Keyring, errno)),
            6 => Some((Step::Namespace, errno)),
            _ => return None,
        };
        let loginuid = match loginuid {
            0 => LoginuidOutcome::Kept,
            1 => LoginuidOutcome::WasUnset,
            2 => LoginuidOutcome::Reset,
            3 => LoginuidOutcome::Refused(refusal),
            4 => LoginuidOutcome::Virtual,
            _ => return None,
        };
        let outcome = Outcome { no_new_privileges: nnp != 0, wait_killable: killable != 0, loginuid };
        Some(Self { failed, outcome, pid: u32::from_ne_bytes(pid) })
    }
}

/// Sends a report, with the listener if there is one. Async-signal-safe: everything lives on the stack.
pub(super) fn send(
    channel: BorrowedFd<'_>,
    report: Report,
    listener: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let bytes = report.encode();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = listener.map(|fd| [fd]);
    if let Some(descriptors) = &descriptors {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(channel, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL).map(|_| ())
}

/// Lets the child go on.
pub(super) fn send_go(channel: BorrowedFd<'_>) -> Result<(), Errno> {
    sendmsg(channel, &[IoSlice::new(GO)], &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
        .map(|_| ())
}

/// Waits until the child may go on.
///
/// # Errors
/// `ECANCELED` if it may not.
pub(super) fn receive_go(channel: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut bytes = [0; GO.len()];
    loop {
        match rustix::io::read(channel, &mut bytes) {
            Ok(length) if length == GO.len() => return Ok(()),
            Ok(_) => return Err(Errno::CANCELED),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Takes the child's report; nothing if it is gone and sent none.
pub(super) fn receive(channel: BorrowedFd<'_>) -> io::Result<(Option<Report>, Option<OwnedFd>)> {
    let mut bytes = [0; LENGTH];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let length = loop {
        match recvmsg(channel, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
            Ok(message) => break message.bytes,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    let mut listener = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            listener = fds.into_iter().next().or(listener);
        }
    }
    Ok(if length == LENGTH { (Report::decode(bytes), listener) } else { (None, None) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_survives_the_wire() {
        let steps = [
            Step::Loginuid,
            Step::NoNewPrivileges,
            Step::Filter,
            Step::HandOver,
            Step::Keyring,
            Step::Namespace,
        ];
        let failures = steps.map(|step| Some((step, libc::EBUSY)));
        let outcomes = [
            LoginuidOutcome::Kept,
            LoginuidOutcome::WasUnset,
            LoginuidOutcome::Reset,
            LoginuidOutcome::Refused(libc::EPERM),
            LoginuidOutcome::Virtual,
        ];
        for failed in failures.into_iter().chain([None]) {
            for loginuid in outcomes {
                for (no_new_privileges, wait_killable) in [(false, true), (true, false)] {
                    let outcome = Outcome { no_new_privileges, wait_killable, loginuid };
                    let report = Report { failed, outcome, pid: 4711 };
                    assert_eq!(Report::decode(report.encode()), Some(report));
                }
            }
        }
        assert_eq!(Report::decode([9; LENGTH]), None);
    }
}
