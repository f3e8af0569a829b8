//! What the rules do to a member's message.

use super::path::FileId;
use super::rule::{Field, Rule, Value};
use super::set::RuleSet;
use auditns_wire::rule::{Action, FilterList, Operator, UNSET_ID, field};

/// The sender of a message, as rules see it. All ids are those of the namespace's owner, as in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterTask {
    /// Process id: that of the whole process, also for a message that one of its threads sent (as Linux 6.18).
    pub pid: u32,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Login user id, 4294967295 if unset.
    pub loginuid: u32,
    /// The executable; only looked at if [`RuleSet::needs_exe`]. A task without one matches no executable.
    pub exe: Option<FileId>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded.
    Keep,
    /// It leaves no record. The sender is not told.
    Drop,
}

/// The outcome of one test.
enum Test {
    Decides(bool),
    /// The test is not for this list: what came before it stands.
    LeavesAsIs,
    /// The kernel does not know this field here and stops looking at rules altogether.
    Unknown,
}

impl RuleSet {
    /// Asks a list about a message of this type (kernel: `audit_filter`).
    ///
    /// The first matching rule decides: in list user `never` drops, in list exclude either action does. A rule without
    /// fields never matches. A field that has no meaning for messages ends the search, and the message is kept. Only
    /// the lists user and exclude are asked about messages; any other keeps them.
    pub fn filter(&self, list: FilterList, message_type: u32, task: &FilterTask) -> Verdict {
        if !matches!(list, FilterList::User | FilterList::Exclude) {
            return Verdict::Keep;
        }
        for rule in self.rules(list) {
            match matches(rule, message_type, task) {
                Some(false) => {}
                Some(true) if rule.action == Action::Never || list == FilterList::Exclude => {
                    return Verdict::Drop;
                }
                Some(true) | None => return Verdict::Keep,
            }
        }
        Verdict::Keep
    }
}

/// Whether the rule matches; `None` if the search ends here.
fn matches(rule: &Rule, message_type: u32, task: &FilterTask) -> Option<bool> {
    let mut result = false;
    for field in &rule.fields {
        match test(rule, field, message_type, task) {
            Test::Decides(outcome) => result = outcome,
            Test::LeavesAsIs => {}
            Test::Unknown => return None,
        }
        if !result {
            return Some(false);
        }
    }
    Some(result)
}

fn test(rule: &Rule, field: &Field, message_type: u32, task: &FilterTask) -> Test {
    let operator = field.operator;
    Test::Decides(match (field.number, &field.value) {
        (field::PID, Value::Number(value)) => operator.compare(task.pid, *value),
        (field::UID, Value::Number(value)) => operator.compare_ids(task.uid, *value),
        (field::GID, Value::Number(value)) => operator.compare_ids(task.gid, *value),
        (field::LOGINUID, Value::Number(value)) => operator.compare_ids(task.loginuid, *value),
        (field::LOGINUID_SET, Value::Number(value)) => {
            operator.compare(u32::from(task.loginuid != UNSET_ID), *value)
        }
        (field::MSGTYPE, Value::Number(value)) => operator.compare(message_type, *value),
        (field::EXE, _) => {
            let same = rule.exe.is_some() && rule.exe == task.exe;
            same == (operator == Operator::Equal)
        }
        (number, _) if is_subject(number) => return Test::LeavesAsIs,
        _ => return Test::Unknown,
    })
}

/// The kernel skips these when no security module interprets them; labels of objects it does not know here at all.
const fn is_subject(number: u32) -> bool {
    matches!(number, field::SUBJ_USER..=field::SUBJ_CLR)
}
