//! A policy as one file.

use crate::policy::Policy;
use crate::rule::Rule;
use crate::settings::{Changes, Settings};
use crate::size;
use std::fmt::{self, Display, Write as _};

impl Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Policy { supervisor, runtime, limits, defaults, rules } = self;
        writeln!(formatter, "[supervisor]")?;
        key(formatter, "log-folder", Some(quoted(&supervisor.log_folder.to_string_lossy())))?;
        key(formatter, "forward", Some(quoted(supervisor.forward.name())))?;
        key(formatter, "priority-boost", Some(supervisor.priority_boost))?;
        writeln!(formatter, "\n[runtime]")?;
        key(formatter, "on-missing", Some(quoted(runtime.on_missing.name())))?;
        writeln!(formatter, "\n[limits]")?;
        key(formatter, "namespaces", Some(limits.namespaces))?;
        key(formatter, "namespaces-per-user", Some(limits.namespaces_per_user))?;
        writeln!(formatter, "\n[defaults]")?;
        changes(formatter, &all(&defaults.settings, defaults.unprivileged_backlog_limit))?;
        rules.iter().try_for_each(|rule| namespace(formatter, rule))
    }
}

/// Changes that say everything.
fn all(settings: &Settings, unprivileged_backlog_limit: u32) -> Changes {
    Changes {
        backlog_limit: Some(settings.backlog_limit),
        unprivileged_backlog_limit: Some(unprivileged_backlog_limit),
        rate_limit: Some(settings.rate_limit),
        read_rate: Some(settings.read_rate),
        policy: Some(settings.policy),
        loginuid: Some(settings.loginuid),
        sockets: Some(settings.sockets),
        rules: Some(settings.rules),
        queue_bytes: Some(settings.queue_bytes),
        log_size: Some(settings.log_size),
        log_files: Some(settings.log_files),
        inside_log: Some(settings.inside_log),
        nested_namespaces: Some(settings.nested_namespaces),
        nested_depth: Some(settings.nested_depth),
        nested_share: Some(settings.nested_share),
        strict_clients: Some(settings.strict_clients.clone()),
    }
}

fn namespace(formatter: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    let origin = rule.path.to_string_lossy();
    writeln!(formatter, "\n# {}, line {}\n[[namespace]]", quoted(&origin), rule.line)?;
    for (name, pattern) in [("runtime", &rule.runtime), ("user", &rule.user), ("name", &rule.name)] {
        key(formatter, name, pattern.as_ref().map(|pattern| quoted(&pattern.to_string())))?;
    }
    key(formatter, "refuse", rule.refuse)?;
    changes(formatter, &rule.changes)
}

fn changes(formatter: &mut fmt::Formatter<'_>, changes: &Changes) -> fmt::Result {
    let strict_clients = changes.strict_clients.as_ref().map(|names| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("[{}]", names.join(", "))
    });
    key(formatter, "backlog-limit", changes.backlog_limit)?;
    key(formatter, "unprivileged-backlog-limit", changes.unprivileged_backlog_limit)?;
    key(formatter, "rate-limit", changes.rate_limit)?;
    key(formatter, "read-rate", changes.read_rate)?;
    key(formatter, "policy", changes.policy.map(|mode| quoted(mode.name())))?;
    key(formatter, "loginuid", changes.loginuid.map(|loginuid| quoted(loginuid.name())))?;
    key(formatter, "sockets", changes.sockets)?;
    key(formatter, "rules", changes.rules)?;
    key(formatter, "queue-bytes", changes.queue_bytes.map(|bytes| quoted(&size::show(bytes as u64))))?;
    key(formatter, "log-size", changes.log_size.map(|bytes| quoted(&size::show(bytes))))?;
    key(formatter, "log-files", changes.log_files)?;
    key(formatter, "inside-log", changes.inside_log)?;
    key(formatter, "nested-namespaces", changes.nested_namespaces)?;
    key(formatter, "nested-depth", changes.nested_depth)?;
    key(formatter, "nested-share", changes.nested_share)?;
    key(formatter, "strict-clients", strict_clients)
}

fn key(formatter: &mut fmt::Formatter<'_>, key: &str, value: Option<impl Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(formatter, "{key} = {value}"))
}

/// A basic string of TOML. Everything that a terminal could act upon is escaped.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            ' '..='~' => quoted.push(character),
            // Combining characters are escaped as well, which does no harm.
            _ if character.is_alphanumeric() => quoted.push(character),
            _ => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::file;
    use std::path::Path;

    fn parsed(text: &str) -> Policy {
        let mut policy = Policy::default();
        file(Path::new("test.toml"), text.as_bytes(), &mut policy).unwrap();
        policy
    }

    #[test]
    fn a_shown_policy_says_the_same() {
        let policy = parsed(
            "[supervisor]\nlog-folder = '/a \"b\\ü'\nforward = 'kernel'\npriority-boost = 3\n[runtime]\non-missing = 'skip'\n[limits]\nnamespaces = 7\n\
             [defaults]\nlog-size = 65537\nstrict-clients = ['a*', 'b']\n\
             [[namespace]]\nruntime = 'x*'\nuser = 'a\\b'\nname = '*'\nrefuse = true\n\
             [[namespace]]\nbacklog-limit = 1\nunprivileged-backlog-limit = 2\nrate-limit = 3\nread-rate = 9\npolicy = 'strict'\n\
             sockets = 4\nrules = 5\nqueue-bytes = '6M'\nlog-size = '7M'\nlog-files = 8\ninside-log = false\n\
             nested-namespaces = 3\nnested-depth = 2\nnested-share = 50\nloginuid = 'virtual'\n\
             strict-clients = []\n",
        );
        let mut again = parsed(&policy.to_string());
        for (rule, original) in again.rules.iter_mut().zip(&policy.rules) {
            rule.line = original.line;
        }
        assert_eq!(again, policy);
    }

    #[test]
    fn texts_are_safe_for_a_terminal() {
        let text = "\u{1b}[2J\u{9b}\u{202e}\n\u{7f}";
        assert_eq!(quoted(text), r#""\U0000001B[2J\U0000009B\U0000202E\U0000000A\U0000007F""#);
    }
}
