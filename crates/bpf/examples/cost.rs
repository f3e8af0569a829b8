//! What the filter costs a sender, and attaching it a connection: medians of interleaved rounds.
//!
//!     cargo run --release -p auditns-bpf --example cost

use auditns_bpf::{Steering, Watched};
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::hint::black_box;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Instant;

const ROUNDS: usize = 101;
const MESSAGES: u32 = 2000;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let mut cpu = CpuSet::new();
    cpu.set(0);
    sched_setaffinity(None, &cpu)?;
    let begin = Instant::now();
    let steering = Steering::load(4096)?;
    println!("load and trial: {} us", begin.elapsed().as_micros());

    let plain = pair()?;
    let noted = pair()?;
    let watched = steering.attach(noted.0.as_fd())?;
    let mut columns: [Vec<i64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        columns[0].push(exchanges(&plain, |receive| receive())?);
        columns[1].push(exchanges(&noted, |receive| receive())?);
        columns[2].push(exchanges(&noted, |receive| read_sender(&watched, receive))?);
        columns[3].push(attachments(&steering)?);
    }
    let [plain, noted, read, attached] = &columns;
    println!("send and receive, no filter: {}", quantiles(plain.clone()));
    println!("more with the filter: {}", quantiles(differences(noted, plain)));
    println!("more with the filter and the sender read: {}", quantiles(differences(read, plain)));
    println!("attach and drop: {}", quantiles(attached.clone()));
    Ok(())
}

/// What was more in each round.
fn differences(of: &[i64], to: &[i64]) -> Vec<i64> {
    of.iter().zip(to).map(|(of, to)| of - to).collect()
}

fn quantiles(mut values: Vec<i64>) -> String {
    values.sort_unstable();
    let at = |tenths: usize| values.get(values.len() * tenths / 10).copied().unwrap_or_default();
    format!("{} ns ({}..{} in eight of ten rounds)", at(5), at(1), at(9))
}

fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

fn read_sender(
    watched: &Watched,
    receive: &mut dyn FnMut() -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let mark = watched.mark();
    receive()?;
    assert!(black_box(watched.sender(mark)).is_some());
    Ok(())
}

/// Nanoseconds of sending and receiving a message.
fn exchanges(
    pair: &(OwnedFd, OwnedFd),
    around: impl Fn(&mut dyn FnMut() -> rustix::io::Result<()>) -> rustix::io::Result<()>,
) -> rustix::io::Result<i64> {
    let message = [0; 112];
    let mut buffer = [0; 256];
    let begin = Instant::now();
    for _ in 0..MESSAGES {
        write(&pair.1, &message)?;
        around(&mut || read(&pair.0, &mut buffer).map(drop))?;
    }
    Ok(per(begin, MESSAGES))
}

/// Nanoseconds of attaching a socket, making the pair not counted.
fn attachments(steering: &Steering) -> Result<i64, Box<dyn std::error::Error>> {
    let pairs = (0..64).map(|_| pair()).collect::<Result<Vec<_>, _>>()?;
    let begin = Instant::now();
    for pair in &pairs {
        drop(steering.attach(pair.0.as_fd())?);
    }
    Ok(per(begin, 64))
}

fn per(begin: Instant, count: u32) -> i64 {
    i64::try_from(begin.elapsed().as_nanos()).unwrap_or(i64::MAX) / i64::from(count)
}
