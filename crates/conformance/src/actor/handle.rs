//! The player's side of an actor: its process and the channel to it.

use super::order::{Answer, Order};
use super::perform::Performer;
use crate::raw;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Largest message on a channel; a 212 kB datagram takes twice that in hexadecimal.
const CHANNEL_LIMIT: usize = 8 << 20;

/// A running actor.
#[derive(Debug)]
pub(crate) struct Actor {
    /// Its process id as the player sees it.
    pub(crate) pid: i32,
    channel: UnixStream,
    /// The player's end of the channel that the actor's child will use.
    spare: Option<UnixStream>,
    /// Whether the process is the player's own child.
    direct: bool,
}

impl Actor {
    /// Forks an actor from the player.
    pub(crate) fn start() -> Result<Self, String> {
        let (ours, theirs) = UnixStream::pair().map_err(|e| format!("no channel for an actor: {e}"))?;
        let (spare, childs) = UnixStream::pair().map_err(|e| format!("no channel for an actor: {e}"))?;
        match raw::fork().map_err(|e| format!("fork of an actor failed: errno {e}"))? {
            0 => {
                raw::die_with_parent();
                raw::leave_terminal();
                keep_only(&[theirs.as_raw_fd(), childs.as_raw_fd()]);
                serve(theirs, Some(childs), Performer::default())
            }
            pid => Ok(Self { pid, channel: ours, spare: Some(spare), direct: true }),
        }
    }

    /// Lets the actor fork its one child and returns that child.
    pub(crate) fn fork(&mut self) -> Result<Self, String> {
        let channel = self.spare.take().ok_or("an actor has one child at most")?;
        match self.tell(&Order::Fork)? {
            Answer::Number(pid) => Ok(Self {
                pid: i32::try_from(pid).map_err(|e| e.to_string())?,
                channel,
                spare: None,
                direct: false,
            }),
            other => Err(format!("the actor could not fork: {other:?}")),
        }
    }

    /// Gives an order and waits for the answer.
    pub(crate) fn tell(&mut self, order: &Order) -> Result<Answer, String> {
        write_message(&mut self.channel, order)?;
        read_message(&mut self.channel)
    }

    /// Ends the actor and waits until its sockets are gone.
    pub(crate) fn end(mut self) {
        let _ = write_message(&mut self.channel, &Order::Exit);
        // The process is gone when its end of the channel is.
        let mut rest = Vec::new();
        let _ = self.channel.read_to_end(&mut rest);
        if self.direct {
            let _ = raw::wait(self.pid, true);
        }
    }
}

fn keep_only(keep: &[i32]) {
    let mut keep: Vec<u32> = keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    keep.sort_unstable();
    let mut first = 3;
    for fd in keep {
        if fd > first {
            raw::close_range(first, fd - 1);
        }
        first = fd + 1;
    }
    raw::close_range(first, u32::MAX);
}

/// Executes orders until the player goes away.
fn serve(mut channel: UnixStream, mut spare: Option<UnixStream>, mut performer: Performer) -> ! {
    loop {
        let Ok(order) = read_message::<Order>(&mut channel) else { raw::exit(0) };
        let answer = match order {
            Order::Exit => raw::exit(0),
            Order::Fork => match raw::fork() {
                Ok(0) => {
                    let Some(own) = spare.take() else { raw::exit(1) };
                    channel = own;
                    continue;
                }
                Ok(pid) => {
                    spare = None;
                    Answer::Number(i64::from(pid))
                }
                Err(e) => Answer::Errno(e),
            },
            other => performer.perform(other),
        };
        if write_message(&mut channel, &answer).is_err() {
            raw::exit(0)
        }
    }
}

fn write_message<T: serde::Serialize>(channel: &mut UnixStream, message: &T) -> Result<(), String> {
    let body = serde_json::to_vec(message).map_err(|e| e.to_string())?;
    let len = u32::try_from(body.len()).map_err(|e| e.to_string())?;
    let mut whole = len.to_ne_bytes().to_vec();
    whole.extend(body);
    channel.write_all(&whole).map_err(|e| format!("the actor is gone: {e}"))
}

fn read_message<T: serde::de::DeserializeOwned>(channel: &mut UnixStream) -> Result<T, String> {
    let mut len = [0; 4];
    channel.read_exact(&mut len).map_err(|e| format!("the actor is gone: {e}"))?;
    let len = u32::from_ne_bytes(len) as usize;
    if len > CHANNEL_LIMIT {
        return Err(format!("a message of {len} bytes on an actor's channel, {CHANNEL_LIMIT} are allowed"));
    }
    let mut body = vec![0; len];
    channel.read_exact(&mut body).map_err(|e| format!("the actor is gone: {e}"))?;
    serde_json::from_slice(&body).map_err(|e| format!("unreadable message on an actor's channel: {e}"))
}
