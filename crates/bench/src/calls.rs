//! Calls that have nothing to do with audit, which a filter sees all the same.

use crate::report::Calls;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrV4, SocketFlags, SocketType, bind, recvfrom, send, socket,
    socketpair,
};
use rustix::process::getppid;
use std::hint::black_box;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Batches of a step, of which the fastest counts: what disturbs a batch only makes it slower.
const BATCHES: u32 = 10;

/// What the calls are made on.
#[derive(Debug)]
pub struct Subjects {
    zero: OwnedFd,
    receiver: OwnedFd,
    _sender: OwnedFd,
    unbound: OwnedFd,
    bound: OwnedFd,
}

impl Subjects {
    /// Opens them.
    ///
    /// # Errors
    /// What cannot be opened.
    pub fn open() -> io::Result<Subjects> {
        let zero = openat(CWD, "/dev/zero", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let (receiver, sender) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        send(&sender, b"there already", SendFlags::empty())?;
        let unbound = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        let bound = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        bind(&bound, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        Ok(Subjects { zero, receiver, _sender: sender, unbound, bound })
    }

    /// Nanoseconds of each call, in batches of `count`.
    ///
    /// # Errors
    /// What a call failed with.
    pub fn measure(&self, count: u32) -> io::Result<Calls> {
        let mut byte = [0];
        let mut text = [0; 64];
        let anywhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let mut calls = Calls::new();
        let mut note = |name: &str, time| calls.insert(name.to_owned(), time);
        note("getppid", fastest(count, || Ok(getppid()))?);
        note("read", fastest(count, || Ok(rustix::io::read(&self.zero, &mut byte)?))?);
        let open = || Ok(openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?);
        note("openat+close", fastest(count / 4, open)?);
        note("setsockopt", fastest(count, || Ok(set_socket_reuseaddr(&self.unbound, true)?))?);
        // Refused, as it has an address: the same each time.
        note("bind", fastest(count, || Ok(bind(&self.bound, &anywhere).is_err()))?);
        note("recvfrom", fastest(count, || Ok(recvfrom(&self.receiver, &mut text, flags)?))?);
        Ok(calls)
    }
}

/// Nanoseconds of an operation in the fastest batch.
pub(crate) fn fastest<T>(count: u32, mut operation: impl FnMut() -> io::Result<T>) -> io::Result<f64> {
    let count = count.max(1);
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..count {
            black_box(operation()?);
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(count));
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_timed() {
        let calls = Subjects::open().unwrap().measure(4).unwrap();
        assert_eq!(calls.len(), 6);
        assert!(calls.values().all(|time| time.is_finite() && *time > 0.0), "{calls:?}");
    }
}
