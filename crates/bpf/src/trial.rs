//! Tries the loaded program: what it notes rests on how the kernel accounts for messages, which a kernel may change.

use crate::{Identity, LoadError, Login, Steering, Tag, Watched};
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::os::fd::{AsFd, OwnedFd};

struct Trial {
    receiver: OwnedFd,
    sender: OwnedFd,
}

pub(crate) fn run(steering: &Steering) -> Result<(), LoadError> {
    let trial = Trial::new()?;
    trial.send()?;
    let watched = steering.attach(trial.receiver.as_fd()).map_err(LoadError::TrialAttach)?;
    trial.send()?;
    let mark = watched.mark();
    trial.receive()?;
    trial.receive()?;
    // Were the first message not seen to be there, messages of others would not be either.
    expect("nobody", watched.sender(mark), Option::is_none)?;

    let own = trial.exchange(&watched)?;
    let (tgid, uid) = (std::process::id(), rustix::process::getuid().as_raw());
    expect(&format!("process {tgid} of user {uid}"), own, |sender| {
        sender.is_some_and(|sender| sender.tgid == tgid && sender.uid == uid)
    })?;
    expect("a CPU", watched.cpu(), Option::is_some)
}

/// Gives this thread a login and looks whether it is noted.
pub(crate) fn tags(
    steering: Option<&Steering>,
    mut give: impl FnMut(Option<Login>) -> std::io::Result<bool>,
) -> Result<(), LoadError> {
    let login = Login { loginuid: 1, sessionid: 2 };
    let failed = |error: std::io::Error| LoadError::Storage(error.to_string());
    expect("a task that gets a tag", give(Some(login)).map_err(failed)?, |given| *given)?;
    let noted = steering.map(|steering| {
        let trial = Trial::new()?;
        let watched = steering.attach(trial.receiver.as_fd()).map_err(LoadError::TrialAttach)?;
        trial.exchange(&watched)
    });
    let noted = noted.transpose()?.map(|noted| noted.map(|noted| noted.tag));
    expect("a task that loses a tag", give(None).map_err(failed)?, |given| *given)?;
    let tag = Tag { namespace: None, login: Some(login) };
    expect(&format!("{tag:?}"), noted, |noted| noted.is_none_or(|noted| noted == Some(tag)))
}

impl Trial {
    fn new() -> Result<Trial, LoadError> {
        let (receiver, sender) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .map_err(|error| LoadError::Trial(error.into()))?;
        Ok(Trial { receiver, sender })
    }

    fn send(&self) -> Result<(), LoadError> {
        write(&self.sender, b"?").map(drop).map_err(|error| LoadError::Trial(error.into()))
    }

    fn receive(&self) -> Result<(), LoadError> {
        read(&self.receiver, &mut [0; 1]).map(drop).map_err(|error| LoadError::Trial(error.into()))
    }

    /// Sends and receives one message, alone, and says who sent it.
    fn exchange(&self, watched: &Watched) -> Result<Option<Identity>, LoadError> {
        self.send()?;
        let mark = watched.mark();
        self.receive()?;
        Ok(watched.sender(mark))
    }
}

fn expect<T: std::fmt::Debug>(expected: &str, seen: T, is: impl FnOnce(&T) -> bool) -> Result<(), LoadError> {
    if is(&seen) {
        return Ok(());
    }
    Err(LoadError::TrialFailed { expected: expected.to_owned(), seen: format!("{seen:?}") })
}
