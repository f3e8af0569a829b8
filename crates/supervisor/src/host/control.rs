//! What the control interface is answered.

use super::asking::{checked, described, unavailable};
use super::directory::Entry;
use super::membership::Members;
use super::naming::container_of;
use super::orders::{Description, Joining, Order};
use super::{Shared, creation, joining};
use auditns_control::Refusal;
use auditns_control::interface::{
    self, Container, CreateReply, CreateRequest, IntroduceRequest, JoinReply, JoinRequest, NamespaceInfo,
    PrepareReply, PrepareRequest, SetReply, SetRequest, SupervisorInfo, Which,
};
use auditns_control::server::{Host, Peer};
use auditns_core::Policy;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Settings that [`Host::set`] knows.
const KEYS: [&str; 7] =
    ["backlog-limit", "rate-limit", "read-rate", "policy", "log-size", "log-files", "sockets"];

/// Answers calls of the control interface.
#[derive(Debug)]
pub(super) struct Control(pub(super) Arc<Shared>);

impl Control {
    fn visible(&self, peer: Peer) -> Vec<Entry> {
        let mut entries = self.0.directory.everything();
        entries.retain(|entry| peer.uid == 0 || entry.uid == peer.uid);
        entries
    }

    fn named(&self, peer: Peer, name: &str) -> Result<Entry, Refusal> {
        let is_it = |entry: &Entry| entry.name == name || entry.contid.to_string() == name;
        // A user may leave out the prefix that is the user's own.
        let own = format!("{}:{name}", peer.uid);
        let mut entries = self.visible(peer).into_iter();
        let found = entries.find(|entry| is_it(entry) || (peer.uid != 0 && entry.name == own));
        found.ok_or_else(|| Refusal::NoSuchNamespace { which: name.to_owned() })
    }

    fn of_container(&self, peer: Peer, container: &Container) -> Result<Entry, Refusal> {
        container_of(&self.0, peer, container)
            .ok_or_else(|| Refusal::NoSuchNamespace { which: format!("container {}", container.id) })
    }
}

impl Host for Control {
    fn list(&self, peer: Peer) -> Result<Vec<NamespaceInfo>, Refusal> {
        let members = Members::now(&self.0);
        let described = self.visible(peer).into_iter().filter_map(|entry| described(&entry).ok());
        let described: Vec<Description> = described.collect();
        Ok(described.into_iter().map(|description| members.fill_in(description)).collect())
    }

    fn show(&self, peer: Peer, which: Which) -> Result<NamespaceInfo, Refusal> {
        let members = Members::now(&self.0);
        let description = match which {
            Which::Name(name) => described(&self.named(peer, &name)?)?,
            Which::Container(container) => described(&self.of_container(peer, &container)?)?,
            Which::Contid(contid) => described(&self.named(peer, &contid.to_string())?)?,
            Which::Pid(pid) => {
                let found =
                    members.namespace_of(pid, &self.visible(peer)).map(|(_, description)| description);
                found.ok_or_else(|| Refusal::NoSuchNamespace { which: format!("pid {pid}") })?
            }
        };
        Ok(members.fill_in(description))
    }

    fn set(&self, peer: Peer, request: SetRequest) -> Result<SetReply, Refusal> {
        if peer.uid != 0 {
            return Err(Refusal::NotPermitted {
                operation: "Set".to_owned(),
                why: "the limits of a namespace are root's of the host".to_owned(),
            });
        }
        let entry = self.named(peer, &request.name)?;
        let before = described(&entry)?;
        let order = order(&request, &before)?;
        let after = entry.orders.give(order).map_err(|error| unavailable(&error))?;
        let show = |description: &Description| shown(&request.key, description);
        Ok(SetReply { before: show(&before), after: show(&after) })
    }

    fn prepare(&self, peer: Peer, request: PrepareRequest) -> Result<PrepareReply, Refusal> {
        creation::prepare_for(&self.0, peer, request)
    }

    fn create(&self, peer: Peer, request: CreateRequest, listener: OwnedFd) -> Result<CreateReply, Refusal> {
        let listener = checked(listener)?;
        creation::create(&self.0, peer, &request, listener)
    }

    fn join(&self, peer: Peer, request: JoinRequest, listener: OwnedFd) -> Result<JoinReply, Refusal> {
        let listener = checked(listener)?;
        let JoinRequest { name, container, pid, wait_killable } = request;
        let joining = Joining { by: joining::ids_of(peer), pid };
        let entry = match (name, container) {
            (Some(name), _) => {
                let entry = self.named(peer, &name)?;
                let order = Order::Join { listener, wait_killable, place: None, joining };
                entry.orders.give(order).map_err(|error| unavailable(&error))?;
                entry
            }
            (None, container) => {
                let entry = self.of_container(peer, &container.unwrap_or_default())?;
                let joined = joining::join_container(&entry, joining, listener, wait_killable);
                joined.map_err(|(refusal, _)| refusal)?;
                entry
            }
        };
        Ok(JoinReply { contid: entry.contid, name: entry.name })
    }

    fn introduce(&self, peer: Peer, request: IntroduceRequest) -> Result<JoinReply, Refusal> {
        let entry = self.of_container(peer, &request.container)?;
        let (pid, started) = joining::process_of(peer, request.pid, "Introduce")?;
        entry
            .orders
            .give_within(joining::PATIENCE, Order::Introduce { pid, started, by: joining::ids_of(peer) })
            .map_err(|error| unavailable(&error))?;
        Ok(JoinReply { contid: entry.contid, name: entry.name })
    }

    fn reload(&self, peer: Peer) -> Result<Vec<String>, Refusal> {
        if peer.uid != 0 {
            return Err(Refusal::NotPermitted {
                operation: "Reload".to_owned(),
                why: "the configuration is root's of the host".to_owned(),
            });
        }
        self.0.reload().map_err(|why| Refusal::Unavailable { why })
    }

    fn supervisor(&self, _: Peer) -> Result<SupervisorInfo, Refusal> {
        let entries = self.0.directory.all();
        let sockets = entries.iter().filter_map(|entry| described(entry).ok());
        let membership = &self.0.surroundings.membership;
        let losses = membership.losses();
        Ok(SupervisorInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.0.started,
            restarts: self.0.restarts,
            namespaces: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            sockets: sockets.map(|description| description.info.open_sockets).sum(),
            ready_sockets: self.0.surroundings.sockets.ready() as u64,
            membership: if membership.is_exact() {
                interface::Membership::Exact
            } else {
                interface::Membership::Descent
            },
            own_logins: self.0.surroundings.login_tree.is_mounted(),
            tags_lost: losses.map_or(0, |losses| losses.untagged),
            senders_noted: self.0.surroundings.steering.get().is_some(),
            log_folder: self.0.log_folder.to_string_lossy().into_owned(),
        })
    }
}

fn order(request: &SetRequest, before: &Description) -> Result<Order, Refusal> {
    let mut settings = before.settings.clone();
    match request.key.as_str() {
        "backlog-limit" => return Ok(Order::SetBacklogLimit(number(request, 0..=u32::MAX)?)),
        "rate-limit" => return Ok(Order::SetRateLimit(number(request, 0..=u32::MAX)?)),
        "policy" => {
            return match request.value.as_str() {
                "normal" => Ok(Order::SetPolicy(Policy::Normal)),
                "strict" => Ok(Order::SetPolicy(Policy::Strict)),
                _ => Err(invalid(request, "normal or strict")),
            };
        }
        "sockets" | "read-rate" if before.info.parent.is_some() => {
            return Err(Refusal::InvalidValue {
                key: request.key.clone(),
                value: request.value.clone(),
                why: "a namespace inside another one shares this with it: set it for the outermost one"
                    .to_owned(),
            });
        }
        "read-rate" => settings.read_rate = number(request, 0..=u32::MAX)?,
        "log-size" => settings.rotation.size = u64::from(number(request, 65536..=u32::MAX)?),
        "log-files" => settings.rotation.files = number(request, 1..=1000)?,
        "sockets" => {
            let most = u32::try_from(crate::server::limits::SOCKETS).unwrap_or(u32::MAX);
            settings.sockets = number(request, 2..=most)? as usize;
        }
        _ => {
            let known = KEYS.map(str::to_owned).to_vec();
            return Err(Refusal::UnknownKey { key: request.key.clone(), known });
        }
    }
    Ok(Order::Change(Box::new(settings)))
}

fn shown(key: &str, description: &Description) -> String {
    match key {
        "backlog-limit" => description.info.backlog_limit.to_string(),
        "rate-limit" => description.info.rate_limit.to_string(),
        "policy" => match description.info.policy {
            interface::Policy::Normal => "normal".to_owned(),
            interface::Policy::Strict => "strict".to_owned(),
        },
        "read-rate" => description.settings.read_rate.to_string(),
        "log-size" => description.settings.rotation.size.to_string(),
        "log-files" => description.settings.rotation.files.to_string(),
        _ => description.settings.sockets.to_string(),
    }
}

fn number(request: &SetRequest, range: std::ops::RangeInclusive<u32>) -> Result<u32, Refusal> {
    match request.value.parse() {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(invalid(request, &format!("a whole number from {} to {}", range.start(), range.end()))),
    }
}

fn invalid(request: &SetRequest, why: &str) -> Refusal {
    Refusal::InvalidValue { key: request.key.clone(), value: request.value.clone(), why: why.to_owned() }
}
