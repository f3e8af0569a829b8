//! The player's own audit socket: sets the state each case starts from, unrecorded.

use crate::datagram;
use crate::messages::{
    self, DEL_RULE, GET, GET_FEATURE, LIST_RULES, Message, SET, SET_FEATURE, Status, USER_AVC, USER_LOGIN,
    mask, words,
};
use crate::raw;
use std::os::fd::RawFd;
use std::time::{Duration, Instant};

/// How long the control socket waits for an answer.
const PATIENCE: i32 = 3000;
/// Rounds of draining held records at most; a hold queue has 64 records by default.
const DRAIN: usize = 20_000;

/// What can be set, as found at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) enabled: u32,
    pub(crate) failure: u32,
    pub(crate) pid: u32,
    pub(crate) rate: u32,
    pub(crate) limit: u32,
    pub(crate) lost: u32,
    pub(crate) backlog: u32,
    pub(crate) wait: u32,
    pub(crate) waited: u32,
    /// Features that are on.
    pub(crate) features: u32,
}

impl State {
    /// What every case starts from: audit off, the kernel's defaults.
    pub(crate) const START: Self = Self {
        enabled: 0,
        failure: 1,
        pid: 0,
        rate: 0,
        limit: 64,
        lost: 0,
        backlog: 0,
        wait: 15000,
        waited: 0,
        features: 0,
    };
}

/// The control socket.
#[derive(Debug)]
pub(crate) struct Control {
    fd: RawFd,
    seq: u32,
}

impl Control {
    /// Opens it.
    pub(crate) fn open() -> Result<Self, String> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        let fd = raw::socket(libc::AF_NETLINK, kind, 9)
            .map_err(|e| format!("no audit socket (errno {e}); is audit compiled in and not off?"))?;
        // Only a bound netlink socket is listed in /proc/net/netlink; a namespace may refuse.
        let _ = raw::bind(fd, &messages::kernel());
        Ok(Self { fd, seq: 0x00c0_0000 })
    }

    /// Whether the socket is a netlink socket of the kernel, and not one that a namespace handed out.
    pub(crate) fn is_kernels(&self) -> bool {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", self.fd)).unwrap_or_default();
        let link = link.to_string_lossy();
        let Some(inode) = link.strip_prefix("socket:[").and_then(|t| t.strip_suffix(']')) else {
            return false;
        };
        let sockets = std::fs::read_to_string("/proc/net/netlink").unwrap_or_default();
        sockets.lines().any(|l| l.split_whitespace().last() == Some(inode))
    }

    /// Sends a request and returns its error and the bodies of its data replies.
    pub(crate) fn ask(&mut self, kind: u16, payload: &[u8]) -> Result<(i32, Vec<Vec<u8>>), String> {
        self.seq += 1;
        let request = Message { kind, payload, seq: self.seq, ..Message::default() };
        raw::sendto(self.fd, &request.bytes(), Some(&messages::kernel()))
            .map_err(|e| format!("request {kind} on the control socket failed: errno {e}"))?;
        let (mut error, mut data) = (None, Vec::new());
        loop {
            if raw::poll(self.fd, libc::POLLIN, PATIENCE) == 0 {
                return Err(format!("no answer to request {kind} within {PATIENCE} ms"));
            }
            let Ok(got) = raw::recvmsg(self.fd, 65536, 0) else { continue };
            if got.data.is_empty() {
                return Err("the control socket was closed".into());
            }
            if !datagram::answers(&got.data, &request) {
                continue;
            }
            let (Some(reply), Some((found, _))) = (datagram::reply(&got.data), datagram::next(&got.data))
            else {
                continue;
            };
            match reply.error {
                Some(e) if e != 0 || !datagram::has_data(kind) => return Ok((e, data)),
                Some(e) => error = Some(e),
                None if found.kind == datagram::DONE => return Ok((error.unwrap_or(0), data)),
                None => {
                    data.push(found.body.to_vec());
                    if reply.last {
                        return Ok((error.unwrap_or(0), data));
                    }
                }
            }
        }
    }

    fn must(&mut self, what: &str, kind: u16, payload: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let (error, data) = self.ask(kind, payload)?;
        // Resetting a counter answers with its old value.
        if error < 0 {
            return Err(format!("{what} was refused: errno {}", -error));
        }
        Ok(data)
    }

    /// Reads the state.
    pub(crate) fn state(&mut self) -> Result<State, String> {
        let status = self.must("reading the status", GET, b"")?;
        let features = self.must("reading the features", GET_FEATURE, b"")?;
        let word = |reply: &[Vec<u8>], i: usize| {
            let bytes = reply.first().and_then(|b| b.get(i * 4..i * 4 + 4));
            bytes.and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
        };
        Ok(State {
            enabled: word(&status, 1),
            failure: word(&status, 2),
            pid: word(&status, 3),
            rate: word(&status, 4),
            limit: word(&status, 5),
            lost: word(&status, 6),
            backlog: word(&status, 7),
            wait: word(&status, 9),
            waited: word(&status, 10),
            features: word(&features, 2),
        })
    }

    /// Sets whether audit is on.
    pub(crate) fn enable(&mut self, enabled: u32) -> Result<(), String> {
        self.must("switching audit", SET, &Status { enabled, ..Status::of(mask::ENABLED) }.bytes())
            .map(|_| ())
    }

    /// The rules that exist.
    pub(crate) fn rules(&mut self) -> Result<Vec<Vec<u8>>, String> {
        self.must("listing rules", LIST_RULES, b"")
    }

    /// Registers the calling process as auditd.
    fn register(&mut self) -> Result<i32, String> {
        Ok(self.ask(SET, &Status::register(std::process::id()).bytes())?.0)
    }

    /// Frees a registration whose owner is gone; fails while an auditd lives.
    fn free_registration(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(2);
        // The kernel notices a dead auditd only when it sends to it, which a registration does.
        while self.register()? != 0 {
            if Instant::now() > deadline {
                return Err("another auditd is registered".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Held records move only when a new one comes, and this is the one type recorded while audit is off.
        self.must("a user message", USER_AVC, b"op=drain\0")?;
        self.drain(20);
        self.must("unregistering", SET, &Status::register(0).bytes()).map(|_| ())
    }

    /// Throws away what is queued on the control socket until it is quiet for `ms`.
    fn drain(&mut self, ms: i32) -> usize {
        let mut records = 0;
        for _ in 0..DRAIN {
            if raw::poll(self.fd, libc::POLLIN, ms) == 0 {
                break;
            }
            if let Ok(got) = raw::recvmsg(self.fd, 65536, 0) {
                records += usize::from(datagram::next(&got.data).is_some_and(|(f, _)| f.kind == USER_LOGIN));
            }
        }
        records
    }

    /// Finds out whether records that nobody reads are kept for the next auditd.
    pub(crate) fn probe_hold(&mut self) -> Result<bool, String> {
        self.reset(&State::START, true)?;
        self.enable(1)?;
        self.must("a user message", USER_LOGIN, b"op=hold-probe\0")?;
        std::thread::sleep(Duration::from_millis(50));
        let error = self.register()?;
        if error != 0 {
            return Err(format!("cannot register for the hold probe: errno {}", -error));
        }
        let held = self.drain(100) > 0;
        self.must("unregistering", SET, &Status::register(0).bytes())?;
        self.reset(&State::START, held)?;
        Ok(held)
    }

    /// Waits until the worker has taken everything out of the queue.
    fn wait_for_queue(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(3);
        while self.state()?.backlog > 0 {
            if Instant::now() > deadline {
                return Err("the audit queue does not get empty".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Brings everything to `to`: rules away, nobody registered, with `drain` nothing held.
    pub(crate) fn reset(&mut self, to: &State, drain: bool) -> Result<(), String> {
        self.enable(0)?;
        let is = self.state()?;
        for rule in self.rules()? {
            self.must("deleting a rule", DEL_RULE, &rule)?;
        }
        // Unlimited and without a rate, so that nothing below waits or is dropped.
        self.must("the rate", SET, &Status::of(mask::RATE).bytes())?;
        let set = |m: u32| Status {
            failure: to.failure,
            rate: to.rate,
            limit: to.limit,
            wait: to.wait,
            ..Status::of(m)
        };
        for m in [mask::FAILURE, mask::LIMIT, mask::WAIT, mask::RATE] {
            self.must("a setting", SET, &set(m).bytes())?;
        }
        self.must("the features", SET_FEATURE, &words(&[1, 3, to.features, 0]))?;
        // Resetting a counter is recorded even while audit is off, so only where there is something to reset.
        for (m, counted) in [(mask::LOST, is.lost), (mask::WAITED, is.waited)] {
            if counted > 0 {
                self.must("a counter", SET, &set(m).bytes())?;
            }
        }
        self.wait_for_queue()?;
        if drain || is.pid != 0 {
            self.free_registration()?;
            self.wait_for_queue()?;
        }
        if to.enabled != 0 {
            self.enable(to.enabled)?;
        }
        let now = self.state()?;
        let want = State { lost: 0, waited: 0, pid: 0, backlog: 0, ..*to };
        if now != want {
            return Err(format!("the state could not be set to {want:?}, it is {now:?}"));
        }
        Ok(())
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = raw::close(self.fd);
    }
}
