//! `AUDIT_ADD_RULE`, `AUDIT_DEL_RULE`, `AUDIT_LIST_RULES`, `AUDIT_TRIM`, `AUDIT_MAKE_EQUIV`.

use super::Namespace;
use super::datagram::{Handled, Outcome, Request};
use super::settings::{DISABLED, LOCKED};
use crate::action::{Action, Notice};
use crate::rules::{PathKind, Rule};
use auditns_wire::Errno;
use auditns_wire::equivalence::Equivalence;
use auditns_wire::message_type::{ADD_RULE, CONFIG_CHANGE, LIST_RULES};
use auditns_wire::record::{Body, EquivalenceChange, RuleChange};
use auditns_wire::reply;
use auditns_wire::rule::FIXED_LEN;

impl Namespace {
    pub(super) fn change_rule(&mut self, request: &Request<'_>) -> Handled {
        let adding = request.message.header.message_type == ADD_RULE;
        let operation = if adding { "add_rule" } else { "remove_rule" };
        if request.message.payload.len() < FIXED_LEN {
            return Err(Errno::EINVAL);
        }
        if self.settings.enabled == LOCKED {
            let body = Body::RulesLocked { ids: request.sender.ids, operation };
            self.log(CONFIG_CHANGE, request.sender, request.answers.exe, &body, request.now);
            return Err(Errno::EPERM);
        }
        let rule = Rule::parse(request.message.payload, &request.answers.paths, &self.mapped)?;
        let change = rule.describe_change();
        let unenforced = self.rules.not_enforced();
        let result = if adding { self.rules.add(rule) } else { self.rules.remove(&rule) };
        if self.rules.not_enforced() > unenforced {
            let count = self.rules.not_enforced();
            self.counters.unenforced_rules = self.counters.unenforced_rules.max(count);
            self.output.push_back(Action::Notice(Notice::RuleNotEnforced { count }));
        }
        if self.settings.enabled != DISABLED {
            let body = Body::Rule(RuleChange {
                ids: request.sender.ids,
                operation,
                key: change.key,
                list: change.list.number(),
                success: result.is_ok(),
            });
            self.log(CONFIG_CHANGE, request.sender, request.answers.exe, &body, request.now);
        }
        result.map(|()| Outcome::Done)
    }

    pub(super) fn list_rules(&self, request: &Request<'_>) -> Vec<Vec<u8>> {
        let sequence = request.message.header.sequence;
        let rules = self.rules.list().map(|payload| reply::data(LIST_RULES, sequence, true, &payload));
        rules.chain([reply::done(sequence)]).collect()
    }

    /// Removes trees whose directories are gone; there are none, because no tree is watched.
    pub(super) fn trim(&mut self, request: &Request<'_>) -> Handled {
        if self.settings.enabled == LOCKED {
            return Err(Errno::EPERM);
        }
        self.log_enabled(request, &Body::Trim(request.sender.ids));
        Ok(Outcome::Done)
    }

    /// Kernel: `audit_tag_tree` looks up the new path, then the old one. A name that begins with NUL is empty there, and
    /// leads to the directory that the caller is in: `getname_kernel` refuses none, and `link_path_walk` has nothing to do.
    pub(super) fn make_equivalent(&mut self, request: &Request<'_>) -> Handled {
        if self.settings.enabled == LOCKED {
            return Err(Errno::EPERM);
        }
        let Equivalence { old, new } = Equivalence::decode(request.message.payload)?;
        let lookup = |path: &[u8]| match request.answers.paths.get(PathKind::Dir, path) {
            _ if path.is_empty() => Ok(()),
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(Errno::ENOENT),
            Err(errno) => Err(errno),
        };
        let result = lookup(&new).and_then(|()| lookup(&old));
        let ids = request.sender.ids;
        let body = Body::Equivalence(EquivalenceChange { ids, old, new, success: result.is_ok() });
        self.log_enabled(request, &body);
        result.map(|()| Outcome::Done)
    }

    fn log_enabled(&mut self, request: &Request<'_>, body: &Body) {
        if self.settings.enabled != DISABLED {
            self.log(CONFIG_CHANGE, request.sender, request.answers.exe, body, request.now);
        }
    }
}
