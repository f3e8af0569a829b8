//! The actor's side: executing orders.

use super::order::{Answer, Datagram, Expected, Order, Wait};
use crate::datagram::{self, Reply};
use crate::hex::Hex;
use crate::messages::{self, ADD_OLD, Message};
use crate::raw::{self, Errno};
use std::collections::BTreeMap;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::time::{Duration, Instant};

/// Sequence number of fences: the type `AUDIT_ADD`, which changes nothing and is refused to everybody.
const FENCE: u32 = 0xfe9c_e000;

/// The sockets of an actor.
#[derive(Debug, Default)]
pub(super) struct Performer {
    sockets: BTreeMap<String, RawFd>,
}

fn number(result: Result<i64, Errno>) -> Answer {
    match result {
        Ok(n) => Answer::Number(n),
        Err(e) => Answer::Errno(e),
    }
}

fn bytes(result: Result<(usize, Vec<u8>), Errno>) -> Answer {
    match result {
        Ok((len, data)) => Answer::Bytes(len, Hex(data)),
        Err(e) => Answer::Errno(e),
    }
}

fn io(result: std::io::Result<i64>) -> Answer {
    number(result.map_err(|e| e.raw_os_error().unwrap_or(libc::EIO)))
}

impl Performer {
    pub(super) fn perform(&mut self, order: Order) -> Answer {
        match order {
            Order::Socket { name, family, kind, protocol } => match raw::socket(family, kind, protocol) {
                Ok(fd) => {
                    self.sockets.insert(name, fd);
                    Answer::Number(0)
                }
                Err(e) => Answer::Errno(e),
            },
            Order::Close { name } => match self.sockets.remove(&name) {
                Some(fd) => number(raw::close(fd)),
                None => Answer::Fault(format!("no socket {name}")),
            },
            Order::Bind { ref name, .. }
            | Order::Connect { ref name, .. }
            | Order::Name { ref name, .. }
            | Order::SetOption { ref name, .. }
            | Order::GetOption { ref name, .. }
            | Order::Listen { ref name }
            | Order::Shutdown { ref name }
            | Order::Send { ref name, .. }
            | Order::Write { ref name, .. }
            | Order::ThreadSend { ref name, .. }
            | Order::Flood { ref name, .. }
            | Order::Receive { ref name, .. }
            | Order::Poll { ref name } => match self.sockets.get(name) {
                Some(fd) => on_socket(*fd, order),
                None => Answer::Fault(format!("no socket {name}")),
            },
            other => on_process(other),
        }
    }
}

fn on_socket(fd: RawFd, order: Order) -> Answer {
    match order {
        Order::Bind { address, .. } => number(raw::bind(fd, &address.0)),
        Order::Connect { address, .. } => number(raw::connect(fd, &address.0)),
        Order::Name { peer: false, cap, .. } => bytes(raw::getsockname(fd, cap)),
        Order::Name { cap, .. } => bytes(raw::getpeername(fd, cap)),
        Order::SetOption { level, option, value, .. } => number(raw::setsockopt(fd, level, option, &value.0)),
        Order::GetOption { level, option, cap, .. } => bytes(raw::getsockopt(fd, level, option, cap)),
        Order::Listen { .. } => number(raw::listen(fd)),
        Order::Shutdown { .. } => number(raw::shutdown(fd, libc::SHUT_RDWR)),
        Order::Send { data, to, .. } => number(raw::sendto(fd, &data.0, to.as_ref().map(|a| a.0.as_slice()))),
        Order::Write { data, .. } => number(raw::write(fd, &data.0)),
        Order::ThreadSend { data, own_tid, .. } => thread_send(fd, data.0, own_tid),
        Order::Flood { kind, text, count, flags, .. } => flood(fd, kind, &text, count, flags),
        Order::Receive { wait, .. } => {
            let (datagrams, late) = collect(fd, &wait);
            Answer::Datagrams(datagrams, late)
        }
        Order::Poll { .. } => Answer::Number(i64::from(raw::poll(fd, libc::POLLIN | libc::POLLOUT, 0))),
        other => Answer::Fault(format!("not a socket order: {other:?}")),
    }
}

fn on_process(order: Order) -> Answer {
    match order {
        Order::ReadFile { path } => match std::fs::read(path) {
            Ok(content) => Answer::Text(String::from_utf8_lossy(&content).into_owned()),
            Err(e) => Answer::Errno(e.raw_os_error().unwrap_or(libc::EIO)),
        },
        Order::WriteFile { path, text, offset, flags } => io(write_file(&path, &text, offset, flags)),
        Order::SetUids { real, effective, saved } => number(raw::setresuid(real, effective, saved)),
        Order::DropCaps { caps, all } => number(drop_caps(&caps, all)),
        Order::RaiseCaps => number(raw::capget().and_then(|mut sets| {
            sets[0] = sets[1];
            sets[3] = sets[4];
            raw::capset(&sets)
        })),
        Order::Unshare { flags } => number(raw::unshare(flags)),
        Order::MapIds => io(map_ids()),
        Order::Comm { name } => {
            raw::set_comm(&name);
            Answer::Number(0)
        }
        Order::IgnoreSignals => {
            for signal in [libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2, libc::SIGTERM] {
                raw::ignore_signal(signal, true);
            }
            Answer::Number(0)
        }
        Order::Kill { pid, signal } => number(raw::kill(pid, signal)),
        Order::Acct => number(raw::acct_off()),
        Order::Ids => Answer::Number(i64::from(std::process::id())),
        other => Answer::Fault(format!("not a process order: {other:?}")),
    }
}

fn write_file(path: &str, text: &str, offset: Option<u64>, flags: i32) -> std::io::Result<i64> {
    let mut options = std::fs::OpenOptions::new();
    // The access mode comes from `flags` only where the standard library's own does not collide with it.
    options.read(flags & libc::O_ACCMODE == libc::O_RDWR).append(flags & libc::O_APPEND != 0);
    options.write(true).custom_flags(flags & !(libc::O_ACCMODE | libc::O_APPEND));
    let file = options.open(path)?;
    let data = text.as_bytes();
    let written = match offset {
        Some(at) => file.write_at(data, at)?,
        None => std::io::Write::write(&mut &file, data)?,
    };
    Ok(i64::try_from(written).unwrap_or(i64::MAX))
}

fn drop_caps(caps: &[u32], all: bool) -> Result<i64, Errno> {
    let mut sets = raw::capget()?;
    for cap in caps {
        let (word, bit) = if *cap < 32 { (0, *cap) } else { (3, *cap - 32) };
        for set in 0..if all { 3 } else { 1 } {
            sets[word + set] &= !(1 << bit);
        }
    }
    raw::capset(&sets)
}

fn map_ids() -> std::io::Result<i64> {
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", "0 0 1")?;
    std::fs::write("/proc/self/gid_map", "0 0 1")?;
    Ok(0)
}

fn thread_send(fd: RawFd, mut data: Vec<u8>, own_tid: Option<usize>) -> Answer {
    let sender = std::thread::spawn(move || {
        if let Some(word) = own_tid.and_then(|at| data.get_mut(at..at + 4)) {
            word.copy_from_slice(&raw::thread_id().to_ne_bytes());
        }
        raw::sendto(fd, &data, Some(&messages::kernel())).map(|n| (n, data))
    });
    match sender.join() {
        Ok(Ok((n, data))) => Answer::Bytes(usize::try_from(n).unwrap_or(0), Hex(data)),
        Ok(Err(e)) => Answer::Errno(e),
        Err(_) => Answer::Fault("the sending thread failed".into()),
    }
}

fn flood(fd: RawFd, kind: u16, text: &str, count: u32, flags: u16) -> Answer {
    let to = messages::kernel();
    let (mut results, mut times) = (Vec::new(), Vec::new());
    for i in 0..count {
        let payload = format!("{}\0", text.replace('#', &i.to_string()));
        let message =
            Message { kind, payload: payload.as_bytes(), flags, seq: 5000 + i, ..Message::default() }.bytes();
        let start = Instant::now();
        results.push(raw::sendto(fd, &message, Some(&to)).unwrap_or_else(|e| -i64::from(e)));
        times.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Answer::Flood(results, times)
}

/// Milliseconds until `deadline`, at least one while it has not passed.
fn ms_until(deadline: Instant) -> i32 {
    let left = deadline.saturating_duration_since(Instant::now());
    i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// Collects datagrams as [`Wait`] says. The flag tells that the wait ran out of time.
pub(super) fn collect(fd: RawFd, wait: &Wait) -> (Vec<Datagram>, bool) {
    let start = Instant::now();
    let patient = start + Duration::from_millis(wait.patience);
    let lingering = start + Duration::from_millis(wait.linger);
    let mut fence = wait.fence;
    if fence {
        let message = Message { kind: ADD_OLD, seq: FENCE, ..Message::default() }.bytes();
        fence = raw::sendto(fd, &message, Some(&messages::kernel())).is_ok();
    }
    let mut due = wait.replies.clone();
    let mut acked = Vec::new();
    let (mut out, mut counted): (Vec<Datagram>, usize) = (Vec::new(), 0);
    let mut late = false;
    while out.len() < wait.most {
        let complete = due.is_empty() && !fence && counted >= wait.count;
        let ms = match (complete, due.is_empty() && !fence) {
            (true, _) => i32::try_from(wait.settle).unwrap_or(i32::MAX),
            (false, true) => ms_until(lingering),
            (false, false) => ms_until(patient),
        };
        if raw::poll(fd, libc::POLLIN, ms) == 0 {
            late = !complete;
            break;
        }
        match raw::recvmsg(fd, wait.space, wait.flags) {
            Err(libc::EAGAIN) => {
                out.push(Datagram { errno: libc::EAGAIN, ..Datagram::default() });
                break;
            }
            Err(errno) => {
                out.push(Datagram { errno, ..Datagram::default() });
                counted += 1;
                if errno != libc::ENOBUFS {
                    break;
                }
            }
            Ok(got) => {
                let reply = datagram::reply(&got.data);
                if let Some(Reply { error: Some(_), seq: FENCE, .. }) = reply {
                    fence = false;
                    continue;
                }
                if let Some(reply) = reply {
                    settle_due(&mut due, &mut acked, &reply);
                }
                counted += usize::from(!datagram::is_companion(&got.data));
                let empty = got.data.is_empty() && got.len == 0;
                let control = got.control.into_iter().map(|(l, t, d)| (l, t, Hex(d))).collect();
                out.push(Datagram {
                    errno: 0,
                    data: Hex(got.data),
                    len: got.len,
                    from: Hex(got.from),
                    flags: got.flags,
                    control,
                });
                if empty {
                    break;
                }
            }
        }
    }
    (out, late)
}

/// Strikes what a reply settles: an error ends its request, an ack makes only the data due, data ends it.
fn settle_due(due: &mut Vec<Expected>, acked: &mut Vec<u32>, reply: &Reply) {
    // Two answers bear the number of the first message in their datagram: a registration's ack, which comes besides
    // the first one's own, and the features (kernel: auditd_set, audit_get_feature).
    let second = reply.error == Some(0) && acked.contains(&reply.seq);
    let at = due.iter().position(|e| match reply.error {
        Some(_) if second => e.kind == messages::SET,
        None if reply.kind == messages::GET_FEATURE => e.kind == reply.kind,
        _ => e.seq == reply.seq,
    });
    let Some(at) = at else { return };
    let ends = match reply.error {
        Some(0) => {
            acked.push(reply.seq);
            !datagram::has_data(due[at].kind)
        }
        Some(_) => true,
        // Data without the ack that was asked for leaves the ack due.
        None => reply.last && (!due[at].ack || acked.contains(&due[at].seq)),
    };
    if ends {
        due.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(error: Option<i32>, last: bool) -> Reply {
        Reply { seq: 7, kind: messages::GET, error, last }
    }

    #[test]
    fn a_data_request_is_settled_by_ack_and_data() {
        let mut due = vec![Expected { seq: 7, kind: messages::GET, ack: true }];
        let mut acked = Vec::new();
        settle_due(&mut due, &mut acked, &reply(Some(0), true));
        assert_eq!(due.len(), 1);
        settle_due(&mut due, &mut acked, &reply(None, true));
        assert!(due.is_empty());
    }

    #[test]
    fn an_error_settles_at_once_and_a_list_only_by_its_end() {
        let one = || vec![Expected { seq: 7, kind: messages::LIST_RULES, ack: false }];
        let mut due = one();
        settle_due(&mut due, &mut Vec::new(), &reply(Some(-1), true));
        assert!(due.is_empty());
        due = one();
        settle_due(&mut due, &mut Vec::new(), &reply(None, false));
        assert_eq!(due.len(), 1);
        settle_due(&mut due, &mut Vec::new(), &reply(None, true));
        assert!(due.is_empty());
    }
}
