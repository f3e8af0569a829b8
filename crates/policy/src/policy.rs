//! The policy as a whole.

use crate::error::PolicyError;
use crate::files;
use crate::parse;
use crate::rule::{Refused, Rule, Who};
use crate::settings::{Defaults, Forward, Limits, OnMissing, Runtime, Settings, Supervisor};
use std::path::Path;

/// What the administrator of a host has settled about namespaces. [`Policy::default`] is the policy of a host without a
/// policy file; a policy prints itself as one file that says the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub(crate) supervisor: Supervisor,
    pub(crate) runtime: Runtime,
    pub(crate) limits: Limits,
    pub(crate) defaults: Defaults,
    pub(crate) rules: Vec<Rule>,
}

impl Policy {
    /// Reads a policy file and its drop-ins: the files `*.toml` of the folder that is called like the file, but ends in
    /// `.d`, in the order of their names. What a later file has replaces what an earlier one has, key by key; its
    /// `[[namespace]]` rules come after those of earlier ones. Files that do not exist change nothing.
    ///
    /// # Errors
    /// See [`PolicyError`]. Files and folders that others than root and the effective user could have written are refused.
    pub fn load(path: &Path) -> Result<Policy, PolicyError> {
        let mut policy = Policy::default();
        for (path, content) in files::read(path)? {
            policy.add(&path, &content)?;
        }
        Ok(policy)
    }

    /// Adds what a file has, of which `path` is the name in messages. After an error the policy is of no more use.
    ///
    /// # Errors
    /// See [`PolicyError`]; none of those that come of opening and reading.
    pub fn add(&mut self, path: &Path, content: &[u8]) -> Result<(), PolicyError> {
        parse::file(path, content, self)
    }

    /// A policy file with every key, its default and an explanation.
    pub fn example() -> &'static str {
        include_str!("example.toml")
    }

    /// Folder of the logs; absolute.
    pub fn log_folder(&self) -> &Path {
        &self.supervisor.log_folder
    }

    /// Where each record of a namespace goes besides its log.
    pub fn forward(&self) -> Forward {
        self.supervisor.forward
    }

    /// By how much the supervisor lowers its nice value.
    pub fn priority_boost(&self) -> u8 {
        self.supervisor.priority_boost
    }

    /// What becomes of a container that nobody could serve.
    pub fn on_missing(&self) -> OnMissing {
        self.runtime.on_missing
    }

    /// How many namespaces there may be.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// What a namespace gets: the defaults, changed by every rule that applies to it, in order.
    ///
    /// # Errors
    /// The last rule that says whether it is refused says so.
    pub fn settings_for(&self, who: &Who<'_>) -> Result<Settings, Refused> {
        let mut granted = self.defaults.clone();
        let mut refused = None;
        for rule in self.rules.iter().filter(|rule| rule.applies_to(who)) {
            granted.change(&rule.changes);
            if let (Some(limit), None) = (rule.changes.backlog_limit, rule.changes.unprivileged_backlog_limit)
            {
                granted.unprivileged_backlog_limit = limit;
            }
            if let Some(refuse) = rule.refuse {
                refused = refuse.then_some(rule);
            }
        }
        if let Some(rule) = refused {
            return Err(Refused { path: rule.path.clone(), line: rule.line });
        }
        let Defaults { mut settings, unprivileged_backlog_limit } = granted;
        if who.uid != 0 {
            settings.backlog_limit = unprivileged_backlog_limit;
        }
        Ok(settings)
    }
}
