//! The namespace: its state, and the one way in which it changes.

mod datagram;
mod endpoints;
mod features;
mod lifetime;
mod loss;
mod multicast;
mod permission;
mod queues;
mod rate;
mod record;
mod registration;
mod rule_requests;
mod settings;
mod signal_info;
mod socket_calls;
mod status;
mod store_failure;
#[cfg(test)]
mod tests;
mod tty;
mod user_message;
mod waiters;
mod worker;

pub use lifetime::Counters;

use crate::action::Action;
use crate::config::Config;
use crate::input::Input;
use crate::mapped_ids::MappedIds;
use crate::rules::RuleSet;
use crate::time::Now;
use std::collections::VecDeque;
use std::time::Duration;

/// One audit subsystem.
#[derive(Debug)]
pub struct Namespace {
    config: Config,
    /// While closed nothing is recorded and only the host can raise the backlog limit.
    gate_open: bool,
    settings: settings::Settings,
    features: features::FeatureState,
    registration: Option<registration::Registration>,
    registrations: u64,
    last_signal: signal_info::LastSignal,
    tty: tty::TtyStates,
    rules: RuleSet,
    mapped: MappedIds,
    endpoints: endpoints::Endpoints,
    serial: u32,
    rate: rate::RateMeter,
    loss: loss::LossReports,
    queues: queues::Queues,
    worker: worker::Worker,
    waiters: waiters::Waiters,
    output: VecDeque<Action>,
    refusals: Vec<store_failure::Refusal>,
    counters: Counters,
}

impl Namespace {
    /// A fresh namespace. Its first action stores the START record.
    pub fn new(config: Config, now: Now) -> Namespace {
        let mut namespace = Namespace {
            gate_open: config.backlog_limit != 0,
            settings: settings::Settings::new(config.backlog_limit),
            features: features::FeatureState::default(),
            registration: None,
            registrations: 0,
            last_signal: signal_info::LastSignal::default(),
            tty: tty::TtyStates::default(),
            rules: RuleSet::new(),
            mapped: MappedIds::all(),
            endpoints: endpoints::Endpoints::default(),
            serial: 0,
            rate: rate::RateMeter::default(),
            loss: loss::LossReports::default(),
            queues: queues::Queues::new(config.queue_bytes),
            worker: worker::Worker::default(),
            waiters: waiters::Waiters::default(),
            output: VecDeque::new(),
            refusals: Vec::new(),
            counters: Counters::default(),
            config,
        };
        namespace.store_start(now);
        namespace
    }

    /// Takes one event. Collect what follows from it with [`Namespace::poll_action`].
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        match input {
            Input::EndpointOpened { endpoint, kind, pid } => self.endpoints.open(endpoint, kind, pid),
            Input::EndpointHandedOver { reserved_number } => {
                self.counters.sockets += 1;
                self.counters.plain_sockets += u64::from(!reserved_number);
            }
            Input::EndpointClosed { endpoint } => self.close_endpoint(endpoint, now),
            Input::Datagram { endpoint, sender, bytes, answers } => {
                self.receive(endpoint, sender, bytes, answers, now);
            }
            Input::SocketRequested { endpoint, call, caller, request } => {
                self.request_on_socket(endpoint, call, caller, &request, now);
            }
            Input::Delivered { endpoint, outcome } => self.delivery_outcome(endpoint, outcome, now),
            Input::Writable { endpoint } => self.endpoint_writable(endpoint),
            Input::StoreFailed { serial, errno } => self.store_failed(serial, errno, now),
            Input::DaemonSignalled { sender } => self.last_signal.note(sender),
            Input::LoginuidSet { sender, old_auid, old_ses, tty, success } => {
                self.log_login(sender, old_auid, old_ses, tty, success, now);
            }
            Input::ListenerMissed => self.counters.missed_by_listeners += 1,
            Input::StrayCall => self.counters.stray_calls += 1,
            Input::OwnerMapped(mapped) => self.mapped = mapped,
            Input::HostSetsBacklogLimit(limit) => {
                self.settings.backlog_limit = limit;
                self.gate_open = limit != 0;
            }
            Input::Tick => {}
            Input::Ended => self.store_end(now),
        }
        self.expire(now);
        self.run_worker(now);
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.output.pop_front()
    }

    /// When [`Input::Tick`] is due, on the clock of [`Now::since_boot`]; `None` when nothing waits for time.
    pub fn next_deadline(&self) -> Option<Duration> {
        [self.worker.deadline(), self.waiters.deadline()].into_iter().flatten().min()
    }

    /// Number of the namespace.
    pub fn contid(&self) -> u64 {
        self.config.contid
    }

    /// Name of the namespace.
    pub fn name(&self) -> &[u8] {
        &self.config.name
    }

    fn expire(&mut self, now: Now) {
        self.expire_waiters(now);
        self.expire_delivery(now);
    }
}
