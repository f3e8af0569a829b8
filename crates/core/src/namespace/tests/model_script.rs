//! Random scripts, played to the model of the kernel and to the namespace.

use super::model::{Event, Model};
use super::request::{ASK, message, set_pid};
use super::rig::{Member, Rig};
use crate::action::Action;
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

const SOCKETS: usize = 4;

/// Long enough for every attempt to end: the script's last act.
const REST: u64 = 60_000;

fn event() -> impl Strategy<Value = Event> {
    let socket = 0..SOCKETS;
    prop_oneof![
        10 => Just(Event::Message),
        3 => socket.clone().prop_map(Event::Register),
        1 => socket.clone().prop_map(Event::Unregister),
        3 => (socket.clone(), 1..6_usize).prop_map(|(socket, count)| Event::Drain(socket, count)),
        1 => socket.prop_map(Event::Close),
        4 => prop_oneof![Just(1_u64), Just(50), Just(99), Just(100), Just(101), Just(450), 1..700_u64]
            .prop_map(Event::Sleep),
    ]
}

/// The namespace with the script's sockets, each of a process of its own.
struct Played {
    rig: Rig,
    daemons: Vec<Member>,
    closed: Vec<bool>,
    room: Vec<usize>,
    message: usize,
}

impl Played {
    fn new(limit: usize, room: &[usize]) -> Played {
        let mut rig = Rig::with(|config| config.backlog_limit = u32::try_from(limit).unwrap());
        // A daemon that waits for the backlog is not read from; the model's asks all the same.
        rig.reads_from_paused = true;
        let daemons: Vec<Member> = (100..).take(room.len()).map(|pid| rig.member(pid)).collect();
        for (daemon, room) in daemons.iter().zip(room) {
            rig.set_room(daemon.endpoint, *room);
        }
        Played { rig, daemons, closed: vec![false; room.len()], room: room.to_vec(), message: 0 }
    }

    /// Requests come over sockets of their own, so that no sender's waiting is in the way.
    fn ask(&mut self, pid: u32, bytes: &[u8]) {
        let asker = self.rig.member(pid);
        self.rig.send(&asker, bytes);
    }

    fn play(&mut self, event: Event) {
        match event {
            Event::Message => {
                let text = format!("message {}\0", self.message);
                self.message += 1;
                self.ask(50, &message(1112, ASK, 1, text.as_bytes()));
            }
            Event::Register(socket) if !self.closed[socket] => {
                let daemon = self.daemons[socket];
                self.rig.send(&daemon, &set_pid(daemon.pid()));
            }
            Event::Unregister(socket) if !self.closed[socket] => {
                self.ask(self.daemons[socket].pid(), &set_pid(0));
            }
            Event::Drain(socket, count) if !self.closed[socket] => {
                let endpoint = self.daemons[socket].endpoint;
                let taken = self.delivered().iter().filter(|(to, _)| *to == socket).count();
                self.room[socket] += count;
                self.rig.set_room(endpoint, self.room[socket] - taken);
            }
            Event::Close(socket) => {
                self.closed[socket] = true;
                self.rig.close(self.daemons[socket].endpoint);
            }
            Event::Sleep(time) => self.rig.advance(Duration::from_millis(time)),
            Event::Register(_) | Event::Unregister(_) | Event::Drain(..) => {}
        }
    }

    fn delivered(&self) -> Vec<(usize, String)> {
        let deliveries = self.rig.trace.iter().filter_map(|action| match action {
            Action::Deliver { endpoint, frame } => Some((*endpoint, String::from_utf8_lossy(&frame[16..]))),
            _ => None,
        });
        let named = deliveries.map(|(endpoint, text)| {
            let socket = self.daemons.iter().position(|daemon| daemon.endpoint == endpoint).unwrap();
            (socket, name(&text))
        });
        named.collect()
    }
}

/// A record by the model's name.
fn name(text: &str) -> String {
    if let Some((_, message)) = text.split_once("msg='") {
        return message.trim_end_matches('\'').to_owned();
    }
    let value = |key: &str| text.split_once(key).unwrap().1.split(' ').next().unwrap();
    format!("pid {} {} {}", value("audit_pid="), value(" old="), value(" res="))
}

fn compare(limit: usize, room: &[usize], script: &[Event]) {
    let script = [script, &[Event::Sleep(REST)]].concat();
    let model = Model::run(limit, room, &script);
    let mut played = Played::new(limit, room);
    for event in &script {
        played.play(*event);
    }
    assert_eq!(played.delivered(), model.delivered);
    assert_eq!(played.rig.namespace.counters().lost, model.lost);
    assert_eq!(played.rig.namespace.queues.totals().0, model.lengths());
}

#[test]
fn a_daemon_that_stops_reading_for_a_while() {
    let mut script = vec![Event::Register(0)];
    script.extend([Event::Message; 12]);
    script.extend([Event::Sleep(250), Event::Message, Event::Drain(0, 3), Event::Sleep(700)]);
    script.extend([Event::Drain(0, 30), Event::Message, Event::Sleep(10)]);
    compare(4, &[3, 0], &script);
}

#[test]
fn a_daemon_is_followed_by_another() {
    let script = [
        Event::Message,
        Event::Register(0),
        Event::Message,
        Event::Message,
        Event::Sleep(30),
        Event::Unregister(0),
        Event::Message,
        Event::Register(1),
        Event::Sleep(30),
        Event::Close(0),
        Event::Message,
    ];
    for room in 0..5 {
        compare(64, &[room, 2], &script);
        compare(2, &[room, 9], &script);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_arrive_in_the_same_order_and_as_many_are_lost(
        limit in 1..8_usize,
        room in vec(0..6_usize, SOCKETS),
        script in vec(event(), 0..80),
    ) {
        compare(limit, &room, &script);
    }
}
