//! `AUDIT_CREATE_NS`: a member asks for a namespace inside its own.

use super::Family;
use crate::action::{Action, EndpointId};
use crate::config::{Config, Nesting};
use crate::input::{Answers, Created, Input};
use crate::namespace::Namespace;
use crate::sender::{Sender, Standing};
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::header::{FLAG_ACK, Header, Message, messages};
use auditns_wire::record::Ids;
use auditns_wire::reply::Verdict;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the edge says before a member's request for a namespace is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Creation {
    /// The number that the namespace would have, unique on this host. `None` where nothing moves tasks between namespaces.
    pub contid: Option<u64>,
    /// The sender has `CAP_AUDIT_CONTROL` in its own user namespace, whichever that is, and could have had it when it opened
    /// the socket.
    pub permitted: bool,
}

/// A namespace whose first members are being moved.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    parent: u64,
    endpoint: EndpointId,
    /// Whoever asks, as the host sees it.
    creator: Ids,
    #[serde(with = "crate::bytes")]
    request: Vec<u8>,
}

/// Most namespaces that the members of a family may make in a second: to move a thread group is to look at all tasks of the
/// host.
const A_SECOND: u32 = 32;

/// How fast namespaces are made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Pace {
    since: Duration,
    count: u32,
}

impl Pace {
    fn allows(&mut self, now: Now) -> bool {
        if now.since_boot >= self.since.saturating_add(Duration::from_secs(1)) {
            *self = Pace { since: now.since_boot, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= A_SECOND
    }

    fn has_begun(&self) -> bool {
        self.count > 0
    }
}

impl Family {
    /// Whether a member was ever to have a namespace of its own, also if that has ended since.
    pub fn has_granted(&self) -> bool {
        self.pace.has_begun()
    }

    /// The acknowledgement of a request that is granted leaves when the thread group is in its namespace.
    pub(super) fn ask_for_namespace(
        &mut self,
        parent: u64,
        endpoint: EndpointId,
        sender: &Sender,
        bytes: &[u8],
        answers: &Answers,
        now: Now,
    ) {
        let (Some(message), Some(creation)) = (messages(bytes).next(), answers.creation) else { return };
        let noted = self.at_work(parent, |parent| parent.note_creation(endpoint, sender));
        let granted = match noted {
            Some(()) => self.grant(parent, sender, &message, creation, now),
            None => Err(Errno::ECONNREFUSED),
        };
        match granted {
            Ok(contid) => {
                let request = message.header.encode().to_vec();
                let pending = Pending { parent, endpoint, creator: sender.ids.host, request };
                fault!(CreationAcknowledgedEarly => self.answer(&pending, Verdict::Success));
                self.pending.insert(contid, pending);
                let process = sender.process;
                self.at_work(parent, |parent| {
                    parent.output_mut().push_back(Action::MoveThreadGroup { contid, process });
                });
            }
            Err(errno) => {
                self.at_work(parent, |parent| {
                    parent.acknowledge(endpoint, &message, Verdict::Failure(errno));
                });
            }
        }
    }

    /// The number of the new namespace. In order: what cannot be done here, what is no such message, who may not, and what the
    /// host does not grant. Unlike of anything else, an owner user namespace is not asked for: whoever has one of its own can
    /// have its own audit.
    fn grant(
        &mut self,
        parent: u64,
        sender: &Sender,
        message: &Message<'_>,
        creation: Creation,
        now: Now,
    ) -> Result<u64, Errno> {
        let contid = creation.contid.ok_or(Errno::EOPNOTSUPP)?;
        if sender.standing == Standing::Unknown {
            return Err(Errno::ECONNREFUSED);
        }
        if !message.payload.is_empty() {
            return Err(Errno::EINVAL);
        }
        if !creation.permitted {
            return Err(Errno::EPERM);
        }
        let depth = self.get(parent).map_or(usize::MAX, |parent| parent.config().parents.len());
        let Nesting { depth: deepest, number, .. } = self.nesting;
        let is_too_deep = depth >= usize::try_from(deepest).unwrap_or(usize::MAX);
        let count = self.nested.len() + self.pending.len();
        if is_too_deep || count >= usize::try_from(number).unwrap_or(usize::MAX) || self.get(contid).is_some()
        {
            return Err(Errno::ENOSPC);
        }
        if self.pace.allows(now) { Ok(contid) } else { Err(Errno::EAGAIN) }
    }

    pub(super) fn thread_group_moved(&mut self, contid: u64, outcome: Result<&Created, Errno>, now: Now) {
        let Some(pending) = self.pending.remove(&contid) else { return };
        let created = outcome.and_then(|created| {
            let parent = self.get(pending.parent).ok_or(Errno::ECONNREFUSED)?;
            Ok(Namespace::new(self.config_inside(parent, contid, pending.creator, created), now))
        });
        let verdict = match created {
            Ok(mut namespace) => {
                if let Ok(Created { mapped: Some(mapped), .. }) = outcome {
                    namespace.handle(Input::OwnerMapped(mapped.clone()), now);
                }
                // Its START record comes before the acknowledgement.
                self.root.output_mut().append(namespace.output_mut());
                self.nested.insert(contid, namespace);
                Verdict::Success
            }
            Err(errno) => Verdict::Failure(errno),
        };
        fault!(CreationAcknowledgedEarly => return);
        self.answer(&pending, verdict);
    }

    fn answer(&mut self, pending: &Pending, verdict: Verdict) {
        let Some(header) = Header::decode(&pending.request) else { return };
        let message = Message { header, payload: &[] };
        if matches!(verdict, Verdict::Failure(_)) || header.flags & FLAG_ACK != 0 {
            self.root.acknowledge(pending.endpoint, &message, verdict);
        }
    }

    fn config_inside(&self, parent: &Namespace, contid: u64, creator: Ids, created: &Created) -> Config {
        let (root, outer) = (self.root.config(), parent.config());
        // Those that there may be at most have together what their root has.
        let portion = usize::try_from(self.nesting.number).unwrap_or(usize::MAX).max(1);
        let limit = if parent.gate_open() { parent.status().backlog_limit } else { 0 };
        let backlog_limit = u64::from(limit) * u64::from(self.nesting.share.min(100)) / 100;
        fault!(LimitInherited: let backlog_limit = u64::from(limit));
        Config {
            contid,
            name: created.name.clone(),
            policy: parent.policy(),
            backlog_limit: u32::try_from(backlog_limit).unwrap_or(u32::MAX),
            queue_bytes: root.queue_bytes / portion,
            starter: creator,
            labels: outer.labels.clone(),
            parents: std::iter::once(parent.contid()).chain(outer.parents.iter().copied()).collect(),
            start_fields: created.start_fields.clone(),
            rules_max: root.rules_max / portion,
            inside_log: outer.inside_log,
            delivery_delay: outer.delivery_delay,
            own_logins: outer.own_logins,
        }
    }
}
