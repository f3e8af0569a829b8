//! The measurement of one process.

use crate::client::{Client, LOGIN, USER_LOGIN};
use crate::report::{Operation, Quartiles, Report};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recvfrom, send, socketpair, sockopt,
};
use std::hint::black_box;
use std::io;
use std::time::Instant;

/// Batches that count, after one that does not.
const BATCHES: u32 = 20;
/// A session is several messages' work.
const MESSAGES_A_SESSION: u32 = 4;
/// A call on another socket is a small part of a message's.
const OTHER_CALLS_A_MESSAGE: u32 = 10;

/// Measures everything, with batches of `count` messages.
pub fn run(count: u32) -> io::Result<Report> {
    let mut client = Client::open()?;
    let descriptor = client.descriptor();
    let message = batches(count, || client.say(USER_LOGIN, LOGIN))?;
    let session = batches(count / MESSAGES_A_SESSION, || Client::open()?.say(USER_LOGIN, LOGIN))?;
    let receive = batches(count, || {
        client.send(USER_LOGIN, LOGIN)?;
        client.take_acknowledgement(RecvFlags::empty())
    })?;
    client.send(USER_LOGIN, LOGIN)?;
    client.take_acknowledgement(RecvFlags::PEEK)?;
    let waiting = batches(count, || client.take_acknowledgement(RecvFlags::PEEK | RecvFlags::DONTWAIT))?;

    let (other, end) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    send(&end, LOGIN, SendFlags::empty())?;
    let mut buffer = [0; 512];
    let calls = count.saturating_mul(OTHER_CALLS_A_MESSAGE);
    let other_getsockopt = batches(calls, || {
        black_box(sockopt::socket_type(&other)?);
        Ok(())
    })?;
    let other_recvfrom = batches(calls, || {
        recvfrom(&other, &mut buffer[..], RecvFlags::PEEK | RecvFlags::DONTWAIT)?;
        Ok(())
    })?;
    let nanoseconds = [
        (Operation::Message, message),
        (Operation::Session, session),
        (Operation::Receive, receive),
        (Operation::Waiting, waiting),
        (Operation::OtherGetsockopt, other_getsockopt),
        (Operation::OtherRecvfrom, other_recvfrom),
    ];
    Ok(Report { descriptor, nanoseconds: nanoseconds.into() })
}

/// Nanoseconds that an operation takes, by batches of `count`.
fn batches(count: u32, mut operation: impl FnMut() -> io::Result<()>) -> io::Result<Quartiles> {
    let count = count.max(1);
    let mut batch = || {
        let start = Instant::now();
        for _ in 0..count {
            operation()?;
        }
        io::Result::Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(count))
    };
    batch()?;
    let times = (0..BATCHES).map(|_| batch()).collect::<io::Result<Vec<f64>>>()?;
    Quartiles::of(times).ok_or_else(|| io::Error::other("nothing was measured"))
}
