//! The namespace: its state, and the one way in which it changes.

mod datagram;
mod endpoints;
mod features;
mod lifetime;
mod logins;
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
pub use queues::QueueLengths;

use crate::action::Action;
use crate::config::{Config, Policy};
use crate::input::Input;
use crate::mapped_ids::MappedIds;
use crate::output::Output;
use crate::rules::RuleSet;
use crate::time::Now;
use auditns_wire::record::provenance;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One audit subsystem.
///
/// It can be saved and read back with any `serde` format. One that was read back behaves as the one that was saved: the
/// same inputs lead to the same actions. Bytes that were damaged, or written by another version, are an error or some
/// namespace, but never lead to a panic.
#[derive(Debug, Serialize, Deserialize)]
pub struct Namespace {
    config: Config,
    /// See [`provenance`].
    provenance: String,
    /// While closed nothing is recorded and only the host can raise the backlog limit.
    gate_open: bool,
    settings: settings::Settings,
    features: features::FeatureState,
    registration: Option<registration::Registration>,
    registrations: u64,
    last_signal: signal_info::LastSignal,
    tty: tty::TtyStates,
    logins: logins::Logins,
    rules: RuleSet,
    mapped: MappedIds,
    endpoints: endpoints::Endpoints,
    serial: u32,
    rate: rate::RateMeter,
    loss: loss::LossReports,
    queues: queues::Queues,
    worker: worker::Worker,
    waiters: waiters::Waiters,
    output: Output,
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
            logins: logins::Logins::default(),
            rules: RuleSet::bounded(config.rules_max),
            mapped: MappedIds::all(),
            endpoints: endpoints::Endpoints::default(),
            serial: 0,
            rate: rate::RateMeter::default(),
            loss: loss::LossReports::default(),
            queues: queues::Queues::new(config.queue_bytes),
            worker: worker::Worker::default(),
            waiters: waiters::Waiters::default(),
            output: Output::of(config.contid),
            refusals: Vec::new(),
            counters: Counters::default(),
            provenance: provenance(config.contid, &config.parents, &config.labels),
            config,
        };
        fault!(NamesAnotherNamespace => namespace.provenance.push('0'));
        namespace.store_start(now);
        namespace
    }

    /// Takes one event. Collect what follows from it with [`Namespace::poll_action`].
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        match input {
            Input::EndpointOpened { endpoint, kind, pid } => self.endpoints.open(endpoint, kind, pid),
            Input::EndpointHandedOver { reserved_number } => {
                count(&mut self.counters.sockets);
                if !reserved_number {
                    count(&mut self.counters.plain_sockets);
                }
            }
            Input::EndpointClosed { endpoint } => self.close_endpoint(endpoint, now),
            Input::Datagram { endpoint, sender, bytes, answers } => {
                self.receive(endpoint, &self.with_login(sender), bytes, answers, now);
            }
            Input::SocketRequested { endpoint, call, caller, request } => {
                let caller = self.caller_with_login(caller);
                self.request_on_socket(endpoint, call, &caller, &request, now);
            }
            Input::Delivered { endpoint, outcome } => self.delivery_outcome(endpoint, outcome, now),
            Input::Writable { endpoint } => self.endpoint_writable(endpoint),
            Input::StoreFailed { serial, errno } => self.store_failed(serial, errno, now),
            Input::DaemonSignalled { sender } => self.last_signal.note(&self.with_login(sender)),
            Input::LoginuidSet { sender, old_auid, old_ses, tty, success } => {
                self.log_login(sender, old_auid, old_ses, tty, success, now);
            }
            Input::ListenerMissed => count(&mut self.counters.missed_by_listeners),
            Input::StrayCall => count(&mut self.counters.stray_calls),
            Input::OwnerMapped(mapped) => self.mapped = mapped,
            Input::HostSetsBacklogLimit(limit) => {
                self.settings.backlog_limit = limit;
                self.gate_open = limit != 0;
            }
            Input::HostSetsRateLimit(limit) => self.settings.rate_limit = limit,
            Input::HostSetsPolicy(policy) => self.config.policy = policy,
            Input::LetIn { operation, by, fields } => {
                self.store_lifetime(operation.name(), by, fields.to_vec(), now);
            }
            // What is about families, their namespaces are not told.
            Input::Tick | Input::ThreadGroupMoved { .. } => {}
            Input::Ended => self.store_end(now),
            Input::Descends { process, ancestors } => self.logins.learn(process, ancestors),
            Input::LoginuidWritten { call, writer, task, tty, auid, length } => {
                self.write_loginuid(call, writer, task, tty, auid, length, now);
            }
            Input::ProcessesEnded(processes) => self.logins.forget(processes),
        }
        self.expire(now);
        self.run_worker(now);
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.output.pop_front().map(|(_, action)| action)
    }

    /// What [`Namespace::poll_action`] will yield if nothing else happens, in order. An edge may store records ahead of
    /// what comes before them: a log can be written in larger pieces then.
    pub fn waiting_actions(&self) -> impl ExactSizeIterator<Item = &Action> + Clone {
        self.output.iter().map(|(_, action)| action)
    }

    /// When [`Input::Tick`] is due, on the clock of [`Now::since_boot`]; `None` when nothing waits for time.
    pub fn next_deadline(&self) -> Option<Duration> {
        [self.worker.deadline(), self.waiters.deadline()].into_iter().flatten().min()
    }

    /// Number of the namespace.
    pub fn contid(&self) -> u64 {
        self.config.contid
    }

    /// Number of the namespace that it is inside of, if members have made it.
    pub fn parent(&self) -> Option<u64> {
        self.config.parents.first().copied()
    }

    /// Name of the namespace.
    pub fn name(&self) -> &[u8] {
        &self.config.name
    }

    /// How much of its configuration is the namespace's own.
    pub fn policy(&self) -> Policy {
        self.config.policy
    }

    /// Whether anything is recorded at all; see `backlog_limit` of [`Config`].
    pub fn gate_open(&self) -> bool {
        self.gate_open
    }

    /// Number of rules that members stored, 0..=`rules_max` of [`Config`].
    pub fn rules_count(&self) -> usize {
        self.rules.len()
    }

    /// Lends another namespace of the family the sockets and the actions that wait, or takes them back.
    pub(crate) fn exchange(&mut self, other: &mut Namespace) {
        std::mem::swap(&mut self.endpoints, &mut other.endpoints);
        self.output.swap(&mut other.output);
    }

    /// The sockets.
    pub(crate) fn endpoints(&self) -> &endpoints::Endpoints {
        &self.endpoints
    }

    pub(crate) fn output_mut(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// What the host has decided about it.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    fn expire(&mut self, now: Now) {
        self.expire_waiters(now);
        self.expire_delivery(now);
    }
}

/// One more. A counter stops at its end.
fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
