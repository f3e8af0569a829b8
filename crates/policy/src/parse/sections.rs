//! The sections of the policy file.

use super::section::Section;
use super::source::Source;
use super::value::Value;
use crate::bounds;
use crate::error::PolicyError;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::settings::{Changes, Forward, Loginuid, Mode, OnMissing};
use toml::de::DeTable;

const FILE: [&str; 5] = ["supervisor", "runtime", "limits", "defaults", "namespace"];
const SUPERVISOR: [&str; 3] = ["log-folder", "forward", "priority-boost"];
const RUNTIME: [&str; 1] = ["on-missing"];
const LIMITS: [&str; 2] = ["namespaces", "namespaces-per-user"];
const DEFAULTS: [&str; 16] = [
    "backlog-limit",
    "unprivileged-backlog-limit",
    "rate-limit",
    "read-rate",
    "policy",
    "loginuid",
    "sockets",
    "rules",
    "queue-bytes",
    "log-size",
    "log-files",
    "inside-log",
    "nested-namespaces",
    "nested-depth",
    "nested-share",
    "strict-clients",
];
const NAMESPACE: [&str; 4] = ["runtime", "user", "name", "refuse"];

pub(super) fn apply(
    source: &Source<'_>,
    document: &DeTable<'_>,
    policy: &mut Policy,
) -> Result<(), PolicyError> {
    let file = Section::new(source, "the file itself", document, &FILE)?;
    if let Some(section) = file.table("supervisor", "[supervisor]", &SUPERVISOR)? {
        if let Some(log_folder) = section.read("log-folder", Value::absolute_path)? {
            policy.supervisor.log_folder = log_folder;
        }
        if let Some(forward) = section.read("forward", |value| value.word(&Forward::NAMES))? {
            policy.supervisor.forward = forward;
        }
        let boost = section.read("priority-boost", |value| value.number(bounds::PRIORITY_BOOST))?;
        if let Some(priority_boost) = boost {
            policy.supervisor.priority_boost = priority_boost;
        }
    }
    if let Some(section) = file.table("runtime", "[runtime]", &RUNTIME)?
        && let Some(on_missing) = section.read("on-missing", |value| value.word(&OnMissing::NAMES))?
    {
        policy.runtime.on_missing = on_missing;
    }
    if let Some(section) = file.table("limits", "[limits]", &LIMITS)? {
        if let Some(namespaces) = section.read("namespaces", |value| value.number(bounds::NAMESPACES))? {
            policy.limits.namespaces = namespaces;
        }
        let per_user =
            section.read("namespaces-per-user", |value| value.number(bounds::NAMESPACES_PER_USER))?;
        if let Some(namespaces_per_user) = per_user {
            policy.limits.namespaces_per_user = namespaces_per_user;
        }
    }
    if let Some(section) = file.table("defaults", "[defaults]", &DEFAULTS)? {
        policy.defaults.change(&changes(section)?);
    }
    let known = [&NAMESPACE[..], &DEFAULTS[..]].concat();
    for (span, section) in file.tables("namespace", "[[namespace]]", &known)? {
        let (path, line) = (source.path.to_owned(), source.line(&span));
        if policy.rules.len() == bounds::NAMESPACE_RULES {
            return Err(PolicyError::TooManyRules { path, line });
        }
        policy.rules.push(Rule {
            path,
            line,
            runtime: section.read("runtime", Value::pattern)?,
            user: section.read("user", Value::pattern)?,
            name: section.read("name", Value::pattern)?,
            refuse: section.read("refuse", Value::boolean)?,
            changes: changes(section)?,
        });
    }
    Ok(())
}

fn changes(section: Section<'_>) -> Result<Changes, PolicyError> {
    Ok(Changes {
        backlog_limit: section.read("backlog-limit", |value| value.number(bounds::RECORDS))?,
        unprivileged_backlog_limit: section
            .read("unprivileged-backlog-limit", |value| value.number(bounds::RECORDS))?,
        rate_limit: section.read("rate-limit", |value| value.number(bounds::RECORDS))?,
        read_rate: section.read("read-rate", |value| value.number(bounds::RECORDS))?,
        policy: section.read("policy", |value| value.word(&Mode::NAMES))?,
        loginuid: section.read("loginuid", |value| value.word(&Loginuid::NAMES))?,
        sockets: section.read("sockets", |value| value.number(bounds::SOCKETS))?,
        rules: section.read("rules", |value| value.number(bounds::RULES))?,
        queue_bytes: section.read("queue-bytes", |value| value.size(bounds::QUEUE_BYTES))?,
        log_size: section.read("log-size", |value| value.size(bounds::LOG_SIZE))?,
        log_files: section.read("log-files", |value| value.number(bounds::LOG_FILES))?,
        inside_log: section.read("inside-log", Value::boolean)?,
        nested_namespaces: section
            .read("nested-namespaces", |value| value.number(bounds::NESTED_NAMESPACES))?,
        nested_depth: section.read("nested-depth", |value| value.number(bounds::NESTED_DEPTH))?,
        nested_share: section.read("nested-share", |value| value.number(bounds::PERCENT))?,
        strict_clients: section.read("strict-clients", Value::programs)?,
    })
}
