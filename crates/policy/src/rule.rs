//! `[[namespace]]`: what is different for some namespaces.

use crate::pattern::Pattern;
use crate::settings::Changes;
use std::path::PathBuf;

/// For whom a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// Program that creates it, as that program says.
    pub runtime: &'a str,
    /// User id of whoever creates it.
    pub uid: u32,
    /// Name of that user, if the host knows one.
    pub user: Option<&'a str>,
    /// Name of the namespace. A name of the form `UID:NAME`, with that user's own id, is matched by patterns for `NAME` as
    /// well.
    pub name: &'a str,
}

/// The policy refuses a namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the policy refuses this namespace ({path:?}, line {line}); ask whoever administers this host")]
pub struct Refused {
    /// File of the rule.
    pub path: PathBuf,
    /// Line where the rule begins, counted from 1.
    pub line: usize,
}

/// One rule. A pattern that is missing matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) path: PathBuf,
    pub(crate) line: usize,
    pub(crate) runtime: Option<Pattern>,
    pub(crate) user: Option<Pattern>,
    pub(crate) name: Option<Pattern>,
    pub(crate) refuse: Option<bool>,
    pub(crate) changes: Changes,
}

impl Rule {
    pub(crate) fn applies_to(&self, who: &Who<'_>) -> bool {
        let runtime = self.runtime.as_ref().is_none_or(|pattern| pattern.matches(who.runtime));
        let user = self.user.as_ref().is_none_or(|pattern| is_user(pattern, who));
        let name = self.name.as_ref().is_none_or(|pattern| is_name(pattern, who));
        runtime && user && name
    }
}

fn is_user(pattern: &Pattern, who: &Who<'_>) -> bool {
    pattern.matches(&who.uid.to_string())
        || (!pattern.is_number() && who.user.is_some_and(|user| pattern.matches(user)))
}

fn is_name(pattern: &Pattern, who: &Who<'_>) -> bool {
    let own = who.name.strip_prefix(&who.uid.to_string()).and_then(|rest| rest.strip_prefix(':'));
    pattern.matches(who.name) || (who.uid != 0 && own.is_some_and(|own| pattern.matches(own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(runtime: &str, user: &str, name: &str) -> Rule {
        let pattern = |text: &str| (!text.is_empty()).then(|| Pattern::new(text));
        Rule {
            path: PathBuf::new(),
            line: 1,
            runtime: pattern(runtime),
            user: pattern(user),
            name: pattern(name),
            refuse: None,
            changes: Changes::default(),
        }
    }

    const ALICE: Who<'_> = Who { runtime: "podman", uid: 1000, user: Some("alice"), name: "1000:web-1" };

    #[test]
    fn every_pattern_of_a_rule_has_to_match() {
        for (runtime, user, name) in [
            ("", "", ""),
            ("podman", "alice", "web-*"),
            ("pod*", "1000", "1000:web-1"),
            ("", "al*", "*1"),
            ("", "10*", ""),
        ] {
            assert!(rule(runtime, user, name).applies_to(&ALICE), "{runtime} {user} {name}");
        }
        for (runtime, user, name) in
            [("docker", "alice", "web-*"), ("podman", "bob", ""), ("podman", "alice", "db"), ("", "100", "")]
        {
            assert!(!rule(runtime, user, name).applies_to(&ALICE), "{runtime} {user} {name}");
        }
    }

    #[test]
    fn a_user_who_is_called_like_a_number_does_not_get_that_users_rules() {
        let impostor = Who { uid: 1001, user: Some("1000"), ..ALICE };
        assert!(!rule("", "1000", "").applies_to(&impostor));
    }

    #[test]
    fn only_a_users_own_number_is_left_out_of_a_name() {
        assert!(!rule("", "", "web-1").applies_to(&Who { uid: 1001, user: None, ..ALICE }));
        assert!(!rule("", "", "web-1").applies_to(&Who {
            uid: 0,
            user: Some("root"),
            name: "0:web-1",
            ..ALICE
        }));
    }
}
