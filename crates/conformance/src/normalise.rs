//! From an exact transcript to a comparable one: foreign records dropped, placeholders for what varies.

use crate::actor::{Answer, Datagram};
use crate::datagram::{self, ERROR, Found, REPLACE};
use crate::hex::{short_hex, short_text};
use crate::messages::{GET, LIST_RULES, SIGNAL_INFO};
use crate::text;
use crate::transcript::{Case, Noise, RawCase, RawStep, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The case whose subject are companion records.
const COMPANIONS: &str = "eoe";

/// Types that name no process and yet come from the case.
const OWN_WITHOUT_PID: [u16; 4] = [1006, 1305, 1319, 1328];

/// Normalises one case.
pub(crate) fn case(raw: &RawCase) -> Case {
    let foreign = foreign_serials(raw);
    let mut context =
        Context { raw, foreign, sent: Vec::new(), registering: BTreeMap::new(), registered: BTreeMap::new() };
    let steps = raw.steps.iter().map(|s| context.step(s)).collect();
    let leftover = raw
        .leftover
        .iter()
        .map(|(key, list)| {
            let who = key.split(' ').next().unwrap_or_default();
            let mut list = context.list(list);
            list.retain(|t| !is_joining(t, who));
            (key.clone(), list)
        })
        .filter(|(_, list)| !list.is_empty())
        .collect();
    Case { case: raw.case.clone(), kernel: raw.kernel.clone(), holds: raw.holds, steps, leftover }
}

fn datagrams(raw: &RawCase) -> impl Iterator<Item = &Datagram> {
    let of_steps = raw.steps.iter().filter_map(|s| match &s.answer {
        Answer::Datagrams(list, _) => Some(list),
        _ => None,
    });
    of_steps.chain(raw.leftover.values()).flatten()
}

fn record(d: &Datagram) -> Option<(Found<'_>, &[u8])> {
    let (found, _) = datagram::next(&d.data.0)?;
    datagram::is_record(found.kind).then(|| (found, d.data.0.get(16..).unwrap_or(&[])))
}

/// Events of other processes: those that name a process, none of which is an actor, and those of types that the
/// case cannot cause.
fn foreign_serials(raw: &RawCase) -> BTreeSet<u64> {
    let mut own: BTreeMap<u64, (bool, bool, bool)> = BTreeMap::new();
    for d in datagrams(raw) {
        let Some((found, text)) = record(d) else { continue };
        let Some((serial, body)) = text::stamp(text) else { continue };
        let entry = own.entry(serial).or_default();
        if let Some(pid) = text::pid(body) {
            entry.0 = true;
            // A process of a pid namespace of its own is seen with the number it has there.
            entry.1 |= raw.pids.values().any(|p| *p == pid) || pid == 1;
        }
        entry.2 |= OWN_WITHOUT_PID.contains(&found.kind);
    }
    own.into_iter()
        .filter(|(_, (named, actor, kept))| if *named { !actor } else { !kept })
        .map(|(serial, _)| serial)
        .collect()
}

struct Context<'a> {
    raw: &'a RawCase,
    foreign: BTreeSet<u64>,
    /// Requests sent so far.
    sent: Vec<&'a [u8]>,
    /// Registrations whose answer has not been seen, by actor and socket: sequence number and time.
    registering: BTreeMap<(String, String), (u32, u64)>,
    /// Since when a socket is registered, milliseconds since 1970.
    registered: BTreeMap<(String, String), u64>,
}

impl<'a> Context<'a> {
    fn step(&mut self, raw: &'a RawStep) -> Step {
        let mut step = Step { n: raw.note.clone(), ..Step::default() };
        step.s = if raw.who.is_empty() { raw.op.clone() } else { format!("{} {}", raw.who, raw.op) };
        let socket = raw.op.split_once(' ').map_or("", |(_, s)| s).to_owned();
        let key = (raw.who.clone(), socket);
        if let Some(sent) = &raw.sent {
            self.sent.push(&sent.0);
            let own = self.raw.pids.get(&raw.who).map(|p| p.cast_unsigned());
            if let Some(wanted) = datagram::registration(&sent.0).filter(|r| Some(r.pid) == own) {
                self.registering.insert(key.clone(), (wanted.seq, raw.at.unwrap_or(0)));
            }
        }
        match &raw.answer {
            Answer::Number(n) => step.r = Some(n.to_string()),
            Answer::Errno(e) => step.r = Some(errno(*e)),
            Answer::Bytes(len, bytes) => step.r = Some(format!("{len}:{}", self.name(&bytes.0))),
            Answer::Text(text) => {
                step.r = Some(if raw.op.ends_with("sessionid") { session(text) } else { text.clone() });
            }
            Answer::Fault(e) => step.r = Some(format!("fault: {e}")),
            Answer::Flood(results, _) => step.r = Some(flood(results)),
            Answer::Datagrams(list, _) => {
                let (mut shown, held) = self.split_held(list, &key);
                shown.retain(|t| !is_joining(t, &raw.who));
                sort_data(&mut shown);
                step.noisy = raw.noise == Noise::Records;
                step.d = rough(shown, raw.noise);
                step.held = held;
            }
        }
        step
    }

    /// Separates the records that were held from before the socket's registration.
    fn split_held(&mut self, list: &[Datagram], key: &(String, String)) -> (Vec<String>, Vec<String>) {
        // A registration of itself succeeded unless someone was registered already: an ack may be unwanted, or name
        // the first message of its datagram, and another setting beside it may have failed.
        if let Some((seq, at)) = self.registering.remove(key) {
            let replies = list.iter().filter_map(|d| datagram::reply(&d.data.0));
            if !replies.into_iter().any(|r| r.seq == seq && r.error == Some(-libc::EEXIST)) {
                self.registered.insert(key.clone(), at);
            }
        }
        let since = self.registered.get(key).copied().unwrap_or(0);
        let (held, shown): (Vec<&Datagram>, Vec<&Datagram>) = list
            .iter()
            .filter(|d| self.keeps(d))
            .partition(|d| record(d).and_then(|(_, text)| text::time(text)).is_some_and(|time| time < since));
        let texts = |list: Vec<&Datagram>| list.into_iter().map(|d| self.datagram(d)).collect();
        (texts(shown), texts(held))
    }

    fn list(&self, list: &[Datagram]) -> Vec<String> {
        list.iter().filter(|d| self.keeps(d)).map(|d| self.datagram(d)).collect()
    }

    fn keeps(&self, d: &Datagram) -> bool {
        if self.raw.case != COMPANIONS && datagram::is_companion(&d.data.0) {
            return false;
        }
        let serial = record(d).and_then(|(_, text)| text::stamp(text)).map(|(serial, _)| serial);
        serial.is_none_or(|s| !self.foreign.contains(&s))
    }

    /// An address or option value: a process id becomes its actor.
    fn name(&self, bytes: &[u8]) -> String {
        let mut shown = short_hex(bytes);
        for (name, pid) in &self.raw.pids {
            shown = shown.replace(&short_hex(&pid.to_ne_bytes()), &format!("<{name}>"));
        }
        shown
    }

    fn datagram(&self, d: &Datagram) -> String {
        if d.errno != 0 {
            return errno(d.errno);
        }
        let mut out = String::new();
        match <[u8; 12]>::try_from(d.from.0.as_slice()) {
            // A namespace's endpoint is an AF_UNIX socket whose name has the length and the portid 0 that clients
            // check; the rest of the name makes it unique.
            Ok([_, _, _, _, 0, 0, 0, 0, 0, 0, 0, 0] | [1, 0, _, _, 0, 0, 0, 0, ..]) => {}
            Ok([_, _, _, _, 0, 0, 0, 0, groups, 0, 0, 0]) => {
                let _ = write!(out, "group={groups} ");
            }
            _ => {
                let _ = write!(out, "from={} ", short_hex(&d.from.0));
            }
        }
        if d.flags & libc::MSG_TRUNC != 0 {
            let _ = write!(out, "truncated n={} ", d.len);
        }
        for (level, kind, data) in &d.control {
            let _ = write!(out, "control={level}:{kind}:{} ", short_hex(&data.0));
        }
        if d.data.0.len() < 16 {
            let _ = write!(out, "bytes {}", short_hex(&d.data.0));
            return out;
        }
        let mut rest = d.data.0.as_slice();
        while let Some((found, next)) = datagram::next(rest) {
            self.message(&mut out, &found, rest.len());
            rest = next;
            if !rest.is_empty() {
                out.push_str(" | ");
            }
        }
        if !rest.is_empty() {
            let _ = write!(out, "rest {}", short_hex(rest));
        }
        out
    }

    fn message(&self, out: &mut String, found: &Found<'_>, available: usize) {
        let Found { len, kind, flags, seq, pid, body } = found;
        if datagram::is_record(*kind) {
            // A record's length is that of its text in unicast, and that of the datagram in multicast.
            let length = match *len as usize {
                n if n + 16 == available => "text".to_owned(),
                n if n == available => "text+16".to_owned(),
                n => n.to_string(),
            };
            let _ = write!(out, "{kind} len={length} ");
            if (*flags, *seq, *pid) != (0, 0, 0) {
                let _ = write!(out, "flags={flags:#x} seq={seq} pid={pid} ");
            }
            out.push_str(&text::plain(body, &self.raw.pids));
            return;
        }
        let padded = (*len as usize).next_multiple_of(4) == available;
        if *kind == ERROR && body.len() >= 20 {
            let error = i32::from_ne_bytes(body[..4].try_into().unwrap_or_default());
            let _ = write!(out, "ack {error} seq={seq} flags={flags:#x} echo={}", self.echo(&body[4..]));
        } else {
            let _ = write!(out, "{kind} seq={seq} flags={flags:#x}");
            if *pid != 0 {
                let _ = write!(out, " pid={pid}");
            }
            match *kind {
                GET => self.status(out, body),
                SIGNAL_INFO => self.signal(out, body),
                REPLACE => {
                    let _ = write!(out, " {}", self.name(body));
                }
                LIST_RULES => self.rule(out, body),
                _ => {
                    let _ = write!(out, " body={}", short_hex(body));
                }
            }
        }
        if !padded {
            let _ = write!(out, " len={len} of {available}");
        }
    }

    /// How an error echoes its request: the header alone, the whole message, or something else.
    fn echo(&self, echo: &[u8]) -> String {
        for found in self.sent.iter().rev().flat_map(|sent| datagram::walk(sent)) {
            let mut whole = Vec::with_capacity(16 + found.body.len());
            whole.extend(found.len.to_ne_bytes());
            whole.extend(found.kind.to_ne_bytes());
            whole.extend(found.flags.to_ne_bytes());
            whole.extend(found.seq.to_ne_bytes());
            whole.extend(found.pid.to_ne_bytes());
            if echo == whole {
                return "head".into();
            }
            whole.extend(found.body);
            let padding = echo.get(whole.len()..).unwrap_or(&[1]);
            if echo.starts_with(&whole) && padding.len() < 4 && padding.iter().all(|b| *b == 0) {
                return "whole".into();
            }
        }
        // A flood's requests are not in the transcript; their echo is always the head.
        if echo.len() == 16 { "head".into() } else { short_hex(echo) }
    }

    fn status(&self, out: &mut String, body: &[u8]) {
        const NAMES: [&str; 11] = [
            "mask", "enabled", "failure", "pid", "rate", "limit", "lost", "backlog", "features", "wait",
            "waited",
        ];
        // While records flow, some may or may not have left the queue yet.
        let flowing = body.get(4).is_some_and(|on| *on != 0);
        let words = body.chunks_exact(4).map(|c| u32::from_ne_bytes(c.try_into().unwrap_or_default()));
        for (name, value) in NAMES.iter().zip(words) {
            if *name == "backlog" && flowing {
                out.push_str(" backlog=?");
            } else if *name == "pid" {
                let _ = write!(out, " pid={}", text::actor(&self.raw.pids, &value.to_string()));
            } else {
                let _ = write!(out, " {name}={value}");
            }
        }
        if body.len() != 44 {
            let _ = write!(out, " of {} bytes", body.len());
        }
    }

    /// A listed rule, with an actor's process id taken out of it.
    fn rule(&self, out: &mut String, body: &[u8]) {
        const FIELDS: usize = 12 + 256;
        const VALUES: usize = FIELDS + 256;
        let mut body = body.to_vec();
        for i in 0..64 {
            let word =
                |at: usize| body.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_ne_bytes);
            if word(FIELDS + 4 * i) != Some(crate::rules::PID) {
                continue;
            }
            let Some(value) = word(VALUES + 4 * i) else { break };
            let who = text::actor(&self.raw.pids, &value.to_string());
            if who.starts_with('<') {
                let _ = write!(out, " pid={who}");
                body[VALUES + 4 * i..VALUES + 4 * i + 4].fill(0);
            }
        }
        let _ = write!(out, " body={}", short_hex(&body));
    }

    /// The last signal's sender; one from before this case is only "other".
    fn signal(&self, out: &mut String, body: &[u8]) {
        let word = |at: usize| body.get(at..at + 4).and_then(|b| b.try_into().ok()).map(i32::from_ne_bytes);
        let (Some(uid), Some(pid)) = (word(0), word(4)) else {
            let _ = write!(out, " body={}", short_hex(body));
            return;
        };
        let sender = text::actor(&self.raw.pids, &pid.to_string());
        if sender.starts_with('<') {
            let _ = write!(out, " uid={uid} pid={sender}");
        } else {
            out.push_str(" other");
        }
        // A security context may follow.
        if body.len() < 8 || (body.len() > 8 && body[8] == 0) {
            let _ = write!(out, " {} bytes", body.len());
        }
    }
}

/// Whether a listener's record of its own joining still reaches it is a race in the kernel.
fn is_joining(text: &str, who: &str) -> bool {
    text.starts_with("group=1 1335 ")
        && text.contains(&format!("pid=<{who}> "))
        && text.ends_with("op=connect res=1")
}

fn flood(results: &[i64]) -> String {
    let refused: Vec<String> = results.iter().filter(|r| **r < 0).map(|r| errno_i64(-*r)).collect();
    if refused.is_empty() {
        format!("{} sent", results.len())
    } else {
        format!("{} sent, refused {}", results.len() - refused.len(), refused.join(" "))
    }
}

fn session(text: &str) -> String {
    if text == "4294967295" || text.parse::<u32>().is_err() { text.into() } else { "<ses>".into() }
}

/// Brings the data replies to several requests of one datagram into the order of the requests: the kernel sends them
/// from threads of their own.
fn sort_data(list: &mut [String]) {
    let seq = |t: &str| {
        let data = !t.starts_with("ack ") && !t.starts_with("1329 ");
        let seq = t.split_once(" seq=").map(|(_, rest)| rest);
        let digits = |r: &str| r.split(' ').next().and_then(|n| n.parse::<u32>().ok());
        seq.filter(|_| data && !t.contains(" len=text")).and_then(digits)
    };
    for run in list.chunk_by_mut(|a: &String, b: &String| seq(a).is_some() && seq(b).is_some()) {
        // The parts of a list keep their order; other replies with one number have none.
        let list = |t: &str| t.starts_with("1013 ") || t.starts_with("3 ");
        run.sort_by_key(|t| (seq(t), list(t), if list(t) { String::new() } else { t.clone() }));
    }
}

/// Reduces a noisy result to what scheduling does not change.
fn rough(list: Vec<String>, noise: Noise) -> Vec<String> {
    match noise {
        Noise::None => list,
        Noise::Counts => list.into_iter().map(|text| rough_status(&text)).collect(),
        Noise::Records => {
            let without_digits = |t: String| match t.split_once(" msg=") {
                Some((head, tail)) => {
                    format!("{head} msg={}", tail.trim_end_matches(|c: char| c.is_ascii_digit() || c == '\''))
                }
                None => t,
            };
            let kinds: BTreeSet<String> = list.into_iter().map(without_digits).collect();
            // Whether the record of a counter's reset still fits into a full queue is open as well, and how often an
            // overrun is reported.
            kinds.into_iter().filter(|t| !t.contains(" lost=0 old=") && t != "-ENOBUFS").collect()
        }
    }
}

fn rough_status(text: &str) -> String {
    // The answer to a reset is the old count.
    if let Some((old, rest)) = text.strip_prefix("ack ").and_then(|t| t.split_once(' '))
        && old.parse::<i32>().is_ok_and(|n| n > 0)
    {
        return format!("ack some {rest}");
    }
    let words = text.split(' ').map(|word| match word.split_once('=') {
        Some((name @ ("backlog" | "waited"), _)) => format!("{name}=?"),
        Some(("lost", n)) => format!("lost={}", if n == "0" { "0" } else { "some" }),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn errno_i64(e: i64) -> String {
    errno(i32::try_from(e).unwrap_or(0))
}

/// An errno by name.
pub(crate) fn errno(e: i32) -> String {
    let name = match e {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::EAGAIN => "EAGAIN",
        libc::EACCES => "EACCES",
        libc::EINVAL => "EINVAL",
        libc::EFAULT => "EFAULT",
        libc::EPIPE => "EPIPE",
        libc::ERANGE => "ERANGE",
        libc::ENODATA => "ENODATA",
        libc::EMSGSIZE => "EMSGSIZE",
        libc::ENOPROTOOPT => "ENOPROTOOPT",
        libc::ESOCKTNOSUPPORT => "ESOCKTNOSUPPORT",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::ECONNRESET => "ECONNRESET",
        libc::ENOBUFS => "ENOBUFS",
        libc::ENOTCONN => "ENOTCONN",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::EISCONN => "EISCONN",
        _ => return format!("-{}", short_text(e.to_string().as_bytes())),
    };
    format!("-{name}")
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
