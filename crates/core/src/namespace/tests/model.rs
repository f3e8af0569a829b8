//! A model of the kernel's worker and queues, written the way the kernel is: a thread in a straight line that sleeps
//! inside a send. It runs a whole script; what happens while it sleeps happens inside the sleep.
//!
//! One difference to the kernel is intended and stands here too: once a registration has ended the rest of the pass is
//! kept for the next daemon, where the kernel goes on sending to the old port.

use std::collections::VecDeque;

/// Milliseconds that one send waits for room.
const SEND_TIMEOUT: u64 = 100;
const RETRIES: u32 = 5;

/// What happens to the namespace, in the order of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message with the next number.
    Message,
    /// Socket `n` asks to be the daemon's, on behalf of process `100 + n`.
    Register(usize),
    /// The process of socket `n` asks to end the registration.
    Unregister(usize),
    /// The reader of socket `n` makes room for so many more records.
    Drain(usize, usize),
    /// Socket `n` is closed.
    Close(usize),
    /// Time passes, in milliseconds.
    Sleep(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendError {
    Refused,
    Again,
}

#[derive(Clone, Copy)]
enum Hook {
    Rehold,
    Hold,
    Retry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Queue {
    Hold,
    Retry,
    Main,
}

/// The registered daemon, told from a later one of the same socket by its number.
type Connection = (u64, usize);

/// The kernel.
#[derive(Debug, Default)]
pub(super) struct Model {
    limit: usize,
    script: VecDeque<Event>,
    clock: u64,
    /// What is left of the `Sleep` the script is in.
    sleeping: u64,
    message: usize,
    connection: Option<Connection>,
    registrations: u64,
    room: Vec<usize>,
    closed: Vec<bool>,
    main: VecDeque<String>,
    retry: VecDeque<String>,
    hold: VecDeque<String>,
    /// Which socket read which record.
    pub(super) delivered: Vec<(usize, String)>,
    pub(super) lost: u64,
}

impl Model {
    /// Runs a script to its end. `limit` is `backlog_limit`; the sockets have `room` for so many records each.
    pub(super) fn run(limit: usize, room: &[usize], script: &[Event]) -> Model {
        let mut model = Model {
            limit,
            script: script.iter().copied().collect(),
            room: room.to_vec(),
            closed: vec![false; room.len()],
            ..Model::default()
        };
        while model.step(None) {
            while !model.main.is_empty() {
                model.pass();
            }
        }
        model
    }

    /// Lengths of hold, retry and main queue.
    pub(super) fn lengths(&self) -> [usize; 3] {
        [self.hold.len(), self.retry.len(), self.main.len()]
    }

    /// Lets the next thing happen, but no later than `until`. False at the end of the script.
    fn step(&mut self, until: Option<u64>) -> bool {
        if self.sleeping > 0 {
            let step = until.map_or(self.sleeping, |until| self.sleeping.min(until - self.clock));
            self.clock += step;
            self.sleeping -= step;
            return true;
        }
        let Some(event) = self.script.pop_front() else { return false };
        match event {
            Event::Sleep(time) => self.sleeping = time,
            Event::Drain(socket, count) => self.room[socket] += count,
            Event::Close(socket) => self.closed[socket] = true,
            Event::Message => {
                self.main.push_back(format!("message {}", self.message));
                self.message += 1;
            }
            Event::Register(socket) => self.set_pid(socket, true),
            Event::Unregister(socket) => self.set_pid(socket, false),
        }
        true
    }

    /// Kernel: `audit_receive_msg`, `AUDIT_STATUS_PID`. A closed socket cannot ask.
    fn set_pid(&mut self, socket: usize, register: bool) {
        if self.closed[socket] {
            return;
        }
        if let Some(connection) = self.connection
            && self.closed[connection.1]
        {
            self.reset(connection);
        }
        let old = self.connection.map_or(0, |(_, socket)| 100 + socket);
        let me = 100 + socket;
        let new = if register { me } else { 0 };
        let allowed = old == 0 || (!register && old == me);
        if allowed && register {
            self.registrations += 1;
            self.connection = Some((self.registrations, socket));
        }
        self.main.push_back(format!("pid {new} {old} {}", u8::from(allowed)));
        if allowed && !register {
            self.connection = None;
            self.flush();
        }
    }

    /// Kernel: `auditd_reset` with the connection that failed.
    fn reset(&mut self, failed: Connection) {
        if self.connection == Some(failed) {
            self.connection = None;
            self.flush();
        }
    }

    fn flush(&mut self) {
        while let Some(record) = self.retry.pop_front() {
            self.fail(Hook::Hold, record, SendError::Refused);
        }
    }

    /// Kernel: `kauditd_rehold_skb`, `kauditd_hold_skb`, `kauditd_retry_skb`.
    fn fail(&mut self, hook: Hook, record: String, error: SendError) {
        let queue = match hook {
            Hook::Rehold => return self.hold.push_back(record),
            Hook::Hold if error == SendError::Refused => &mut self.hold,
            Hook::Hold | Hook::Retry => &mut self.retry,
        };
        if queue.len() < self.limit {
            queue.push_back(record);
        } else {
            self.lost += 1;
        }
    }

    /// One round of `kauditd_thread`.
    fn pass(&mut self) {
        let connection = self.connection;
        let mut sending = connection;
        if let Some(known) = connection {
            for (queue, hook) in [(Queue::Hold, Hook::Rehold), (Queue::Retry, Hook::Hold)] {
                if self.send_queue(Some(known), queue, RETRIES, hook).is_err() {
                    sending = None;
                    self.reset(known);
                    break;
                }
            }
        }
        let hook = if sending.is_some() { Hook::Retry } else { Hook::Hold };
        if self.send_queue(sending, Queue::Main, 1, hook).is_err()
            && let Some(known) = connection
        {
            self.reset(known);
        }
    }

    /// Kernel: `kauditd_send_queue`.
    fn send_queue(
        &mut self,
        mut to: Option<Connection>,
        queue: Queue,
        retries: u32,
        hook: Hook,
    ) -> Result<(), SendError> {
        let mut result = Ok(());
        let mut failed = 0;
        for _ in 0..self.queue(queue).len() {
            let Some(record) = self.queue(queue).pop_front() else { break };
            let Some(known) = to else {
                self.fail(hook, record, SendError::Refused);
                continue;
            };
            loop {
                result = self.unicast(known, &record);
                let Err(error) = result else {
                    failed = 0;
                    break;
                };
                failed += 1;
                if failed >= retries || error == SendError::Refused {
                    to = None;
                    self.fail(hook, record, error);
                    if error == SendError::Again {
                        result = Ok(());
                    }
                    break;
                }
            }
        }
        result
    }

    /// Kernel: `netlink_unicast`, which sleeps for room.
    fn unicast(&mut self, to: Connection, record: &str) -> Result<(), SendError> {
        if self.connection != Some(to) {
            return Err(SendError::Refused);
        }
        let socket = to.1;
        let deadline = self.clock + SEND_TIMEOUT;
        loop {
            if self.closed[socket] {
                return Err(SendError::Refused);
            }
            if self.room[socket] > 0 {
                self.room[socket] -= 1;
                self.delivered.push((socket, record.to_owned()));
                return Ok(());
            }
            if self.clock >= deadline || !self.step(Some(deadline)) {
                return Err(SendError::Again);
            }
        }
    }

    fn queue(&mut self, queue: Queue) -> &mut VecDeque<String> {
        match queue {
            Queue::Hold => &mut self.hold,
            Queue::Retry => &mut self.retry,
            Queue::Main => &mut self.main,
        }
    }
}
