//! The stage on which a case plays: its actors, and the record of every step.

use crate::actor::{Actor, Answer, Datagram, Order, Wait};
use crate::datagram;
use crate::hex::Hex;
use crate::messages::{self, GET, Message, SET, Status};
use crate::transcript::{Case, Noise, RawCase, RawStep};
use std::collections::BTreeMap;
use std::time::Duration;

/// An actor of the current case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who(usize);

/// How long to wait for answers that are due, milliseconds.
const PATIENCE: u64 = 2000;
/// How long to wait for records that the guide announces.
const LINGER: u64 = 1000;
/// The same after misses in a row on one socket: what has not come twice will not come.
const LINGER_LESS: [u64; 4] = [LINGER, 200, 50, 5];
/// How long to watch for more datagrams with a guide that says how many come.
const SETTLE: u64 = 2;
/// The same without a guide.
const SETTLE_BLIND: u64 = 40;

/// Longer than a tick of the coarse clock, milliseconds.
const TICK: u64 = 12;

/// Socket buffer of `recvmsg` unless a step says otherwise, bytes.
const SPACE: usize = 65536;

struct Member {
    name: String,
    actor: Option<Actor>,
    sockets: Vec<String>,
}

/// Options of one `recv` step.
#[derive(Clone, Debug)]
pub(crate) struct Receive {
    pub(crate) note: String,
    pub(crate) space: usize,
    pub(crate) flags: i32,
    pub(crate) most: usize,
    pub(crate) noise: Noise,
    /// Watch this long for more, where only time tells.
    pub(crate) settle: Option<u64>,
}

impl Default for Receive {
    fn default() -> Self {
        Self { note: String::new(), space: SPACE, flags: 0, most: 100, noise: Noise::None, settle: None }
    }
}

/// The stage.
pub(crate) struct Stage {
    members: Vec<Member>,
    steps: Vec<RawStep>,
    pids: BTreeMap<String, i32>,
    /// Replies due on a socket, and whether a fence must show that silent requests were processed.
    due: BTreeMap<(Who, String), (Vec<crate::actor::Expected>, bool)>,
    /// Misses in a row on a socket.
    misses: BTreeMap<(Who, String), usize>,
    /// What a fence fetched on its way, for the next receive.
    early: BTreeMap<(Who, String), Vec<Datagram>>,
    /// When the registration of the step under way was sent.
    at: Option<u64>,
    guide: Option<Case>,
    /// Noise of the next step.
    noise: Noise,
}

impl Stage {
    /// An empty stage; the guide says how many datagrams a step may expect.
    pub(crate) fn new(guide: Option<Case>) -> Self {
        Self {
            members: Vec::new(),
            steps: Vec::new(),
            pids: BTreeMap::new(),
            due: BTreeMap::new(),
            misses: BTreeMap::new(),
            early: BTreeMap::new(),
            at: None,
            guide,
            noise: Noise::None,
        }
    }

    fn member(&mut self, name: &str, actor: Result<Actor, String>) -> Who {
        let actor = match actor {
            Ok(actor) => {
                self.pids.insert(name.into(), actor.pid);
                Some(actor)
            }
            Err(e) => {
                self.log(name, "start", "", None, Answer::Fault(e));
                None
            }
        };
        self.members.push(Member { name: name.into(), actor, sockets: Vec::new() });
        Who(self.members.len() - 1)
    }

    /// Starts an actor.
    pub(crate) fn actor(&mut self, name: &str) -> Who {
        let actor = Actor::start();
        self.member(name, actor)
    }

    /// Starts an actor that already has a socket `s`.
    pub(crate) fn sender(&mut self, name: &str) -> Who {
        let who = self.actor(name);
        self.socket(who, "s", libc::SOCK_RAW);
        who
    }

    /// Lets an actor fork its one child, which inherits its sockets.
    pub(crate) fn child(&mut self, parent: Who, name: &str) -> Who {
        let forked = match self.members[parent.0].actor.as_mut() {
            Some(actor) => actor.fork(),
            None => Err("its parent is gone".into()),
        };
        let sockets = self.members[parent.0].sockets.clone();
        let who = self.member(name, forked);
        self.members[who.0].sockets = sockets;
        who
    }

    /// An actor's process id.
    pub(crate) fn pid(&self, who: Who) -> u32 {
        let pid = self.members[who.0].actor.as_ref().map_or(0, |a| a.pid);
        u32::try_from(pid).unwrap_or(0)
    }

    fn log(&mut self, who: &str, op: &str, note: &str, sent: Option<Vec<u8>>, answer: Answer) {
        let noise = std::mem::take(&mut self.noise);
        let sent = sent.map(Hex);
        let at = self.at.take();
        self.steps.push(RawStep {
            who: who.into(),
            op: op.into(),
            note: note.into(),
            noise,
            sent,
            at,
            answer,
        });
    }

    fn tell(&mut self, who: Who, order: &Order) -> Answer {
        match self.members[who.0].actor.as_mut() {
            Some(actor) => actor.tell(order).unwrap_or_else(Answer::Fault),
            None => Answer::Fault("the actor is gone".into()),
        }
    }

    /// Performs and records any order.
    pub(crate) fn perform(&mut self, who: Who, op: &str, note: &str, order: &Order) -> Answer {
        let answer = self.tell(who, order);
        let name = self.members[who.0].name.clone();
        self.log(&name, op, note, None, answer.clone());
        answer
    }

    /// Opens a netlink audit socket.
    pub(crate) fn socket(&mut self, who: Who, name: &str, kind: i32) {
        self.socket_noted(who, name, kind, "");
    }

    /// Opens a netlink audit socket and says why.
    pub(crate) fn socket_noted(&mut self, who: Who, name: &str, kind: i32, note: &str) {
        let order = Order::Socket { name: name.into(), family: libc::AF_NETLINK, kind, protocol: 9 };
        if let Answer::Number(_) = self.perform(who, &format!("socket {name}"), note, &order) {
            let sockets = &mut self.members[who.0].sockets;
            if !sockets.iter().any(|s| s == name) {
                sockets.push(name.into());
            }
        }
    }

    /// Closes a socket.
    pub(crate) fn close(&mut self, who: Who, name: &str) {
        self.members[who.0].sockets.retain(|s| s != name);
        self.due.remove(&(who, name.to_owned()));
        self.perform(who, &format!("close {name}"), "", &Order::Close { name: name.into() });
    }

    /// Binds to a portid and groups.
    pub(crate) fn bind(&mut self, who: Who, name: &str, pid: u32, groups: u32, note: &str) {
        self.bind_raw(who, name, messages::address(pid, groups), note);
    }

    /// Binds to any bytes.
    pub(crate) fn bind_raw(&mut self, who: Who, name: &str, address: Vec<u8>, note: &str) {
        let order = Order::Bind { name: name.into(), address: Hex(address) };
        self.perform(who, &format!("bind {name}"), note, &order);
    }

    /// Sets an option of int size.
    pub(crate) fn set_option(
        &mut self,
        who: Who,
        name: &str,
        level: i32,
        option: i32,
        value: i32,
        note: &str,
    ) {
        let value = Hex(value.to_ne_bytes().to_vec());
        let order = Order::SetOption { name: name.into(), level, option, value };
        self.perform(who, &format!("setsockopt {name}"), note, &order);
    }

    /// Sends to the kernel's address.
    pub(crate) fn send(&mut self, who: Who, name: &str, data: Vec<u8>, note: &str) {
        self.send_to(who, name, data, Some(messages::kernel()), note);
    }

    /// Sends to any address, or to none.
    pub(crate) fn send_to(&mut self, who: Who, name: &str, data: Vec<u8>, to: Option<Vec<u8>>, note: &str) {
        let order = Order::Send { name: name.into(), data: Hex(data.clone()), to: to.map(Hex) };
        self.sent(who, name, "send", data, &order, note);
    }

    /// Writes without an address.
    pub(crate) fn write(&mut self, who: Who, name: &str, data: Vec<u8>, note: &str) {
        let order = Order::Write { name: name.into(), data: Hex(data.clone()) };
        self.sent(who, name, "write", data, &order, note);
    }

    /// Sends from a second thread; the word at `own_tid` becomes that thread's id.
    pub(crate) fn thread_send(
        &mut self,
        who: Who,
        name: &str,
        data: Vec<u8>,
        own_tid: Option<usize>,
        note: &str,
    ) {
        let order = Order::ThreadSend { name: name.into(), data: Hex(data.clone()), own_tid };
        self.sent(who, name, "thread_send", data, &order, note);
    }

    fn sent(&mut self, who: Who, name: &str, op: &str, mut data: Vec<u8>, order: &Order, note: &str) {
        if datagram::registration(&data).is_some() {
            // Older records bear an older stamp than the coarse clock shows a tick (10 ms at most) later.
            self.pause(TICK);
            let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
            let ms = now.tv_sec * 1000 + now.tv_nsec / 1_000_000;
            self.at = u64::try_from(ms).ok();
        }
        let mut answer = self.tell(who, order);
        // A thread that put its own id into the request says what it really sent.
        if let Answer::Bytes(n, really) = answer {
            data = really.0;
            answer = Answer::Number(i64::try_from(n).unwrap_or(0));
        }
        if let Answer::Number(_) = answer {
            let (due, silent) = datagram::expected(&data);
            let entry = self.due.entry((who, name.into())).or_default();
            entry.0.extend(due);
            entry.1 |= silent;
        }
        let actor = self.members[who.0].name.clone();
        self.log(&actor, &format!("{op} {name}"), note, Some(data), answer);
    }

    /// Sends `count` messages whose text has `#` replaced by their number.
    pub(crate) fn flood(&mut self, who: Who, name: &str, text: &str, count: u32, flags: u16) {
        let kind = messages::USER_LOGIN;
        let order = Order::Flood { name: name.into(), kind, text: text.into(), count, flags };
        self.perform(who, &format!("flood {name}"), "", &order);
        // The next receive on this socket fences, so that what follows on other sockets comes after the flood.
        self.due.entry((who, name.into())).or_default().1 = true;
        if flags & messages::ACK == 0 {
            self.fence(who, name);
        }
    }

    /// Waits until everything sent on a socket was processed; not a step.
    pub(crate) fn fence(&mut self, who: Who, name: &str) {
        let wait = Wait { fence: true, patience: PATIENCE, most: 1000, space: SPACE, ..Wait::default() };
        self.due.entry((who, name.into())).or_default().1 = false;
        let answer = self.tell(who, &Order::Receive { name: name.into(), wait });
        if let Answer::Datagrams(datagrams, _) = answer {
            self.early.entry((who, name.into())).or_default().extend(datagrams);
        }
    }

    /// Receives what is due on a socket and what the guide announces.
    pub(crate) fn recv(&mut self, who: Who, name: &str, note: &str) -> Vec<Datagram> {
        self.recv_with(who, name, &Receive { note: note.into(), ..Receive::default() })
    }

    /// Receives with options.
    pub(crate) fn recv_with(&mut self, who: Who, name: &str, how: &Receive) -> Vec<Datagram> {
        let key = (who, name.to_owned());
        let (mut replies, fence) = self.due.remove(&key).unwrap_or_default();
        let announced = self.guide.as_ref().and_then(|g| g.steps.get(self.steps.len()));
        let misses = self.misses.get(&key).copied().unwrap_or(0);
        let linger = LINGER_LESS[misses.min(LINGER_LESS.len() - 1)];
        let blind = if self.guide.is_some() { SETTLE } else { SETTLE_BLIND };
        let early = self.early.get(&key).map_or(0, Vec::len);
        // What a fence fetched is answered; a buffer too small for a header shows no answer.
        let answered = |seq| {
            let early = self.early.get(&key).into_iter().flatten();
            early.filter_map(|d| datagram::reply(&d.data.0)).any(|r| r.seq == seq)
        };
        replies.retain(|e| how.space >= 16 && (datagram::has_data(e.kind) || !answered(e.seq)));
        // A settled request with nothing else announced still gets a moment for what should not come.
        let wait = Wait {
            replies,
            count: announced.map_or(0, |s| s.d.len() + s.held.len()).saturating_sub(early),
            patience: if misses > 3 { PATIENCE / 20 } else { PATIENCE },
            linger,
            settle: how.settle.unwrap_or(blind),
            most: how.most,
            space: how.space,
            flags: how.flags,
            fence,
        };
        let mut answer = self.tell(who, &Order::Receive { name: name.into(), wait });
        if let Answer::Datagrams(datagrams, late) = &mut answer {
            if let Some(early) = self.early.remove(&key) {
                datagrams.splice(0..0, early);
            }
            let misses = self.misses.entry(key).or_default();
            *misses = if *late { *misses + 1 } else { 0 };
        }
        let actor = self.members[who.0].name.clone();
        self.noise = how.noise;
        self.log(&actor, &format!("recv {name}"), &how.note, None, answer.clone());
        match answer {
            Answer::Datagrams(datagrams, _) => datagrams,
            _ => Vec::new(),
        }
    }

    /// Sends a request on socket `s` and receives the answer there.
    pub(crate) fn ask(&mut self, who: Who, kind: u16, payload: &[u8], note: &str) {
        self.ask_bytes(who, messages::request(kind, payload, 1), note);
    }

    /// The same for ready-made bytes.
    pub(crate) fn ask_bytes(&mut self, who: Who, data: Vec<u8>, note: &str) {
        self.send(who, "s", data, note);
        self.recv(who, "s", "");
    }

    /// Asks for the status without an ack.
    pub(crate) fn status(&mut self, who: Who, seq: u32, note: &str) {
        self.ask_bytes(who, messages::quiet(GET, b"", seq), note);
    }

    /// The status where `lost` and `backlog` depend on scheduling.
    pub(crate) fn rough_status(&mut self, who: Who, note: &str) {
        self.send(who, "s", messages::quiet(GET, b"", 1), note);
        self.recv_with(who, "s", &Receive { noise: Noise::Counts, ..Receive::default() });
    }

    /// Receives records where scheduling decides how many come by now.
    pub(crate) fn rough_recv(&mut self, who: Who, name: &str, note: &str) {
        let how =
            Receive { note: note.into(), noise: Noise::Records, settle: Some(300), ..Receive::default() };
        self.recv_with(who, name, &how);
    }

    /// Sends a SET.
    pub(crate) fn set(&mut self, who: Who, name: &str, status: &Status, seq: u32, note: &str) {
        self.send(who, name, messages::request(SET, &status.bytes(), seq), note);
    }

    /// Sends a SET on socket `s` and receives the answer.
    pub(crate) fn ask_set(&mut self, who: Who, status: &Status, note: &str) {
        self.set(who, "s", status, 1, note);
        self.recv(who, "s", "");
    }

    /// A second auditd or a READLOG listener: an actor that joins the READLOG group.
    pub(crate) fn listener(&mut self, name: &str) -> Who {
        let who = self.actor(name);
        self.socket(who, "s", libc::SOCK_DGRAM);
        self.bind(who, "s", 0, 1, "join READLOG");
        // Whether its own EVENT_LISTENER record still reaches it is a race in the kernel.
        let how = Receive { noise: Noise::Records, settle: Some(20), ..Receive::default() };
        self.recv_with(who, "s", &how);
        who
    }

    /// Unregisters an auditd.
    pub(crate) fn unregister(&mut self, who: Who) {
        self.set(who, "s", &Status::register(0), 9999, "unregister");
        self.recv(who, "s", "");
    }

    /// Ends an actor.
    pub(crate) fn die(&mut self, who: Who) {
        if let Some(actor) = self.members[who.0].actor.take() {
            actor.end();
        }
        let name = self.members[who.0].name.clone();
        self.members[who.0].sockets.clear();
        self.log(&name, "exit", "", None, Answer::Number(0));
    }

    /// Lets time pass that the kernel's own timers need; not a step.
    #[expect(clippy::unused_self, reason = "reads as a line of the play like the others")]
    pub(crate) fn pause(&self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    /// Records something that the player itself observed.
    pub(crate) fn observe(&mut self, op: &str, answer: Answer) {
        self.log("", op, "", None, answer);
    }

    /// Fetches what no step fetched, ends the actors and returns the transcript.
    pub(crate) fn finish(mut self, case: &str, holds: bool) -> RawCase {
        let mut leftover = BTreeMap::new();
        for at in 0..self.members.len() {
            for socket in self.members[at].sockets.clone() {
                let wait = Wait { settle: 5, most: 100, space: SPACE, ..Wait::default() };
                let answer = self.tell(Who(at), &Order::Receive { name: socket.clone(), wait });
                let Answer::Datagrams(datagrams, _) = answer else { continue };
                if datagrams.iter().any(|d| d.errno == 0 || d.errno == libc::ENOBUFS) {
                    leftover.insert(format!("{} {socket}", self.members[at].name), datagrams);
                }
            }
        }
        // A child ends before its parent, which would otherwise wait for nobody.
        for member in self.members.drain(..).rev() {
            if let Some(actor) = member.actor {
                actor.end();
            }
        }
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        RawCase { case: case.into(), kernel, holds, pids: self.pids, steps: self.steps, leftover }
    }
}

/// A message of any type on socket `s` with all its parts open.
pub(crate) fn message(kind: u16, payload: &[u8], flags: u16, seq: u32) -> Vec<u8> {
    Message { kind, payload, flags, seq, ..Message::default() }.bytes()
}
