//! Starting a program in an audit namespace inside the one that this process is in.
//!
//! There is a filter already, and the kernel allows one listener in a chain. So the child asks whoever serves it for a
//! namespace (`AUDIT_CREATE_NS`), as any program can.

use super::child::{self, Steps};
use super::report::{self, Outcome, Report};
use super::{LaunchError, LaunchOptions, LoginuidOutcome, Step, install};
use crate::filter;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
    socketpair,
};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::{io, thread};

/// `AUDIT_CREATE_NS`, with `NLM_F_REQUEST | NLM_F_ACK` and sequence number 1.
const REQUEST: [u8; 16] = request();
const MESSAGE_TYPE: u16 = 1090;
const FLAGS: u16 = 5;
const SEQUENCE: u32 = 1;
/// `NLMSG_ERROR`, and how long such an answer is at least.
const ERROR: u16 = 2;
const ANSWER: usize = 36;
/// `NETLINK_AUDIT`.
const PROTOCOL: u32 = 9;
/// How long an answer may take.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Whether this process runs below a filter that has a listener, so that no other one can be installed.
///
/// # Errors
/// Where no thread can be started to try it.
pub fn listener_is_taken() -> io::Result<bool> {
    let trial = || {
        // Who has no CAP_SYS_ADMIN can install a filter only so. It is this thread's alone, as the filter is.
        let _ = rustix::thread::set_no_new_privs(true);
        let installed = filter::assemble(&[]).map_err(|_| Errno::INVAL).and_then(|program| install(&program));
        matches!(installed, Err(Errno::BUSY))
    };
    let thread = thread::Builder::new().name("trial".to_owned()).spawn(trial)?;
    thread.join().map_err(|_| io::Error::other("the thread that tries out seccomp did not come back"))
}

/// A program that was started in a namespace of its own.
#[derive(Debug)]
pub struct Nested {
    /// The process, already executing the program.
    pub child: Child,
    /// What became of the login uid.
    pub loginuid: LoginuidOutcome,
}

/// As [`super::spawn`], but in a namespace inside the one that this process is in; the options of a filter with a listener
/// change nothing.
///
/// # Errors
/// [`LaunchError::NoNestedNamespace`] if no namespace is made, else as [`super::spawn`]; no process is left behind.
pub fn spawn_nested(mut command: Command, options: &LaunchOptions) -> Result<Nested, LaunchError> {
    let (ours, childs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|error| LaunchError::Channel(error.into()))?;
    let steps = Steps::new(None, options, childs, ours.as_fd());
    // SAFETY: `Steps::run_nested` makes system calls on memory prepared before the fork, and nothing else: no allocation, no
    // lock, no destructor.
    unsafe { command.pre_exec(move || steps.run_nested()) };
    let started = command.spawn();
    let name = command.get_program().to_owned();
    // The child's end goes with the closure, so that a child which said nothing reads as end of file.
    drop(command);
    let (report, _) = report::receive(ours.as_fd()).map_err(LaunchError::Channel)?;
    match (started, report) {
        (Ok(child), Some(Report { failed: None, outcome, .. })) => {
            Ok(Nested { child, loginuid: outcome.loginuid })
        }
        (Ok(mut child), _) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(LaunchError::HandOver)
        }
        (Err(error), Some(report)) => Err(match report.failed {
            Some((step, errno)) => LaunchError::from_step(step, errno),
            None => LaunchError::Program { program: name, error },
        }),
        (Err(error), None) => Err(LaunchError::Start(error)),
    }
}

impl Steps {
    /// Does all steps and tells the parent how they went.
    fn run_nested(&self) -> io::Result<()> {
        let mut outcome =
            Outcome { no_new_privileges: false, wait_killable: false, loginuid: LoginuidOutcome::Kept };
        let entered = self.enter_nested(&mut outcome);
        let failed = entered.err().map(|(step, errno)| (step, errno.raw_os_error()));
        let report = Report { failed, outcome, pid: child::own_pid() };
        let sent = report::send(self.channel(), report, None);
        match (entered, sent) {
            (Err((_, errno)), _) | (Ok(()), Err(errno)) => {
                Err(io::Error::from_raw_os_error(errno.raw_os_error()))
            }
            (Ok(()), Ok(())) => Ok(()),
        }
    }

    fn enter_nested(&self, outcome: &mut Outcome) -> Result<(), (Step, Errno)> {
        self.prepare(outcome)?;
        create_namespace().map_err(|errno| (Step::Namespace, errno))?;
        self.allow()
    }
}

/// Asks for a namespace, and waits until this process is in it. Everything lives on the stack.
fn create_namespace() -> Result<(), Errno> {
    let protocol = NonZeroU32::new(PROTOCOL).map(Protocol::from_raw);
    let socket: OwnedFd =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
    send(&socket, &REQUEST, SendFlags::empty())?;
    let mut answer = [0; 256];
    loop {
        match poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&PATIENCE)) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let (length, _) = match recv(&socket, &mut answer, RecvFlags::DONTWAIT) {
            Ok(received) => received,
            Err(Errno::INTR | Errno::AGAIN) => continue,
            Err(errno) => return Err(errno),
        };
        if let Some(error) = answer.get(..length).and_then(answered) {
            return if error == 0 { Ok(()) } else { Err(Errno::from_raw_os_error(error.wrapping_neg())) };
        }
    }
}

/// What an answer to the request says: 0 or a negative error number. `None` if it is something else.
fn answered(bytes: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let sequence = u32::from_ne_bytes(*bytes.get(8..)?.first_chunk()?);
    let error = i32::from_ne_bytes(*bytes.get(16..)?.first_chunk()?);
    (kind == ERROR && sequence == SEQUENCE && bytes.len() >= ANSWER && error <= 0).then_some(error)
}

const fn request() -> [u8; 16] {
    let ([kind, kind_end], [flags, flags_end]) = (MESSAGE_TYPE.to_ne_bytes(), FLAGS.to_ne_bytes());
    let words = [16_u32.to_ne_bytes(), [kind, kind_end, flags, flags_end], SEQUENCE.to_ne_bytes(), [0; 4]];
    let mut bytes = [0; 16];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = words[at / 4][at % 4];
        at += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(kind: u16, sequence: u32, error: i32) -> Vec<u8> {
        let head = [36_u32.to_ne_bytes().to_vec(), kind.to_ne_bytes().to_vec(), vec![0; 2]].concat();
        [head, sequence.to_ne_bytes().to_vec(), vec![0; 4], error.to_ne_bytes().to_vec(), vec![0; 16]]
            .concat()
    }

    #[test]
    fn answers_to_the_request_are_told_from_others() {
        assert_eq!(answered(&answer(2, 1, 0)), Some(0));
        assert_eq!(answered(&answer(2, 1, -28)), Some(-28));
        for other in
            [answer(3, 1, 0), answer(2, 2, 0), answer(2, 1, 7), Vec::new(), answer(2, 1, 0)[..35].to_vec()]
        {
            assert_eq!(answered(&other), None);
        }
    }

    #[test]
    fn the_request_is_a_message_without_a_payload() {
        assert_eq!(REQUEST[..4], 16_u32.to_ne_bytes());
        assert_eq!(REQUEST[4..8], [1090_u16.to_ne_bytes(), 5_u16.to_ne_bytes()].concat());
        assert_eq!(REQUEST[8..], [1_u32.to_ne_bytes(), [0; 4]].concat());
    }

    #[test]
    fn where_nobody_listens_one_can() {
        assert!(!listener_is_taken().unwrap());
    }

    #[test]
    fn what_no_namespace_is_made_for_is_not_executed() {
        let spawned = spawn_nested(Command::new("true"), &LaunchOptions::default());
        // The kernel's own audit answers here, or none does.
        assert!(matches!(spawned, Err(LaunchError::NoNestedNamespace(_))), "{spawned:?}");
    }
}
