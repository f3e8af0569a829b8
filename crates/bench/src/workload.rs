//! What one audit client does, over and over.

use crate::client::{Client, LOGIN, USER_LOGIN};
use crate::report::Samples;
use clap::ValueEnum;
use rustix::net::RecvFlags;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Operations of which some come before those that count.
const WARM_UP: u32 = 20;
/// Looks at what is there already are too short to be timed one by one.
const LOOKS_A_CHUNK: u32 = 20;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Operation {
    /// A message and its acknowledgement, with the calls that libaudit makes.
    Acked,
    /// A message that asks for no acknowledgement.
    Unacked,
    /// A message, and its acknowledgement by one call that waits, as Go clients.
    Receive,
    /// A look at an acknowledgement that is there already.
    Waiting,
    /// An audit socket opened and closed.
    Open,
}

/// How often, and at which pace.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What.
    pub operation: Operation,
    /// How often; 0: without end.
    pub count: u32,
    /// From the begin of one to the begin of the next; zero: one after the other.
    pub interval: Duration,
}

/// A client that is ready.
#[derive(Debug)]
pub struct Prepared {
    workload: Workload,
    client: Option<Client>,
}

impl Workload {
    /// Opens the socket and does what comes before the operations that count.
    ///
    /// # Errors
    /// What a call failed with.
    pub fn prepare(self) -> io::Result<Prepared> {
        if self.operation == Operation::Open {
            let mut prepared = Prepared { workload: self, client: None };
            (0..WARM_UP).try_for_each(|_| prepared.operate())?;
            return Ok(prepared);
        }
        let mut client = Client::open()?;
        // Questions, not messages: what stands in a log is counted later.
        for _ in 0..WARM_UP {
            client.ask_status()?;
        }
        if self.operation == Operation::Waiting {
            client.send(USER_LOGIN, LOGIN)?;
            client.take_acknowledgement(RecvFlags::PEEK)?;
        }
        Ok(Prepared { workload: self, client: Some(client) })
    }
}

impl Prepared {
    /// Does all operations.
    ///
    /// # Errors
    /// What the first of them failed with.
    pub fn run(&mut self) -> io::Result<Samples> {
        let Workload { operation, count, interval } = self.workload;
        let chunk = if operation == Operation::Waiting { LOOKS_A_CHUNK } else { 1 };
        let mut nanoseconds = Vec::with_capacity(count as usize);
        let (cpu, began) = (now(ClockId::ProcessCPUTime), now(ClockId::Monotonic));
        let start = Instant::now();
        let mut due = Duration::ZERO;
        let mut done = 0;
        while count == 0 || done < count {
            if !interval.is_zero() {
                due += interval;
                sleep(due.saturating_sub(start.elapsed()));
            }
            let before = Instant::now();
            for _ in 0..chunk {
                self.operate()?;
            }
            if count > 0 {
                nanoseconds
                    .push(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX) / u64::from(chunk));
                done += 1;
            }
        }
        Ok(Samples {
            descriptor: self.client.as_ref().map_or(-1, Client::descriptor),
            began_nanoseconds: began,
            ended_nanoseconds: now(ClockId::Monotonic),
            cpu_nanoseconds: now(ClockId::ProcessCPUTime).saturating_sub(cpu),
            nanoseconds,
            chunk,
        })
    }

    fn operate(&mut self) -> io::Result<()> {
        let Some(client) = &mut self.client else { return Client::open().map(drop) };
        match self.workload.operation {
            Operation::Acked => client.say(USER_LOGIN, LOGIN),
            Operation::Unacked => client.send_unacknowledged(USER_LOGIN, LOGIN),
            Operation::Receive => {
                client.send(USER_LOGIN, LOGIN)?;
                client.take_acknowledgement(RecvFlags::empty())
            }
            Operation::Waiting => client.take_acknowledgement(RecvFlags::PEEK | RecvFlags::DONTWAIT),
            Operation::Open => Client::open().map(drop),
        }
    }
}

/// Nanoseconds of a clock.
fn now(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let [seconds, nanoseconds] =
        [time.tv_sec, time.tv_nsec].map(|value| u64::try_from(value).unwrap_or_default());
    seconds * 1_000_000_000 + nanoseconds
}
