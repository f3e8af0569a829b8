//! What a file may say.

use super::file;
use crate::bounds;
use crate::{Mode, Policy, PolicyError, Who};
use proptest::prelude::*;
use std::path::Path;

fn parse(text: &str) -> Result<Policy, PolicyError> {
    let mut policy = Policy::default();
    file(Path::new("/etc/test.toml"), text.as_bytes(), &mut policy).map(|()| policy)
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

const ROOT: Who<'_> = Who { runtime: "podman", uid: 0, user: Some("root"), name: "web-1" };
const ALICE: Who<'_> = Who { runtime: "podman", uid: 1000, user: Some("alice"), name: "1000:web-1" };

#[test]
fn the_example_is_the_default() {
    assert_eq!(parse(Policy::example()).unwrap(), Policy::default());
}

#[test]
fn the_example_has_every_key() {
    let shown = Policy::default().to_string();
    for line in shown.lines().filter(|line| !line.is_empty()) {
        assert!(Policy::example().lines().any(|known| known == line), "{line}");
    }
}

#[test]
fn what_the_example_has_as_comments_is_valid() {
    let uncommented: Vec<&str> = Policy::example()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|first: char| !first.is_whitespace()) => setting,
            _ => line,
        })
        .collect();
    let policy = parse(&uncommented.join("\n")).unwrap();
    assert_eq!(policy.settings_for(&ALICE).unwrap().backlog_limit, 1024);
    assert!(policy.settings_for(&Who { user: Some("guest7"), ..ALICE }).is_err());
}

#[test]
fn the_gate_of_other_users_is_closed_until_a_rule_opens_it() {
    let policy = parse("").unwrap();
    assert_eq!(policy.settings_for(&ROOT).unwrap().backlog_limit, 64);
    assert_eq!(policy.settings_for(&ALICE).unwrap().backlog_limit, 0);
    let policy = parse("[defaults]\nbacklog-limit = 7\nunprivileged-backlog-limit = 8").unwrap();
    assert_eq!(policy.settings_for(&ROOT).unwrap().backlog_limit, 7);
    assert_eq!(policy.settings_for(&ALICE).unwrap().backlog_limit, 8);
    let policy = parse("[[namespace]]\nname = 'web-*'\nbacklog-limit = 9").unwrap();
    assert_eq!(policy.settings_for(&ROOT).unwrap().backlog_limit, 9);
    assert_eq!(policy.settings_for(&ALICE).unwrap().backlog_limit, 9);
    let policy = parse("[[namespace]]\nbacklog-limit = 9\nunprivileged-backlog-limit = 10").unwrap();
    assert_eq!(policy.settings_for(&ROOT).unwrap().backlog_limit, 9);
    assert_eq!(policy.settings_for(&ALICE).unwrap().backlog_limit, 10);
}

#[test]
fn rules_apply_in_order() {
    let policy = parse(
        "[[namespace]]\nsockets = 10\nrules = 20\n[[namespace]]\nuser = 'alice'\nsockets = 30\npolicy = 'strict'\n\
         [[namespace]]\nuser = 'bob'\nsockets = 40",
    )
    .unwrap();
    let settings = policy.settings_for(&ALICE).unwrap();
    assert_eq!((settings.sockets, settings.rules, settings.policy), (30, 20, Mode::Strict));
}

#[test]
fn the_last_rule_about_refusal_decides() {
    let policy = parse(
        "[[namespace]]\nrefuse = true\n[[namespace]]\nuser = '1000'\nrefuse = false\n\
         [[namespace]]\nname = 'web-1'\nsockets = 2",
    )
    .unwrap();
    assert!(policy.settings_for(&ALICE).is_ok());
    let refused = policy.settings_for(&ROOT).unwrap_err();
    assert_eq!((refused.path.as_path(), refused.line), (Path::new("/etc/test.toml"), 1));
    assert!(refused.to_string().contains("\"/etc/test.toml\", line 1"), "{refused}");
}

#[test]
fn unknown_keys_are_refused_with_those_that_are_known() {
    assert_eq!(
        message("[limits]\nnamespaces = 1\nnamespace = 2"),
        "\"/etc/test.toml\", line 3: there is no key \"namespace\" in [limits]; known are: namespaces, \
         namespaces-per-user"
    );
    assert!(message("[default]").contains("known are: supervisor, runtime, limits, defaults, namespace"));
    assert!(
        message("[[namespace]]\n[[namespace]]\nx.y = 1")
            .contains("line 3: there is no key \"x\" in [[namespace]]")
    );
    assert!(!message("[limits]\n\"\\u001b[2J\" = 1").contains('\u{1b}'));
}

#[test]
fn values_are_within_their_bounds() {
    for (key, good, bad) in [
        (
            "backlog-limit",
            &["0", "4294967295", "0x10", "1_000"][..],
            &["-1", "4294967296", "'64'", "1.0", "[]"][..],
        ),
        ("sockets", &["2", "4096"], &["1", "4097", "true"]),
        ("rules", &["0", "8192"], &["8193"]),
        ("queue-bytes", &["65536", "'64K'", "'256M'"], &["65535", "'257M'", "'64'", "''", "'1T'", "1e6"]),
        ("log-size", &["'1024G'", "65536"], &["'1025G'", "'99999999999999999999G'", "-65536"]),
        ("log-files", &["1", "1000"], &["0", "1001"]),
        ("inside-log", &["true", "false"], &["'yes'", "1"]),
        ("nested-namespaces", &["0", "64"], &["65", "-1"]),
        ("nested-depth", &["0", "8"], &["9"]),
        ("nested-share", &["0", "100"], &["101", "'50%'"]),
        ("loginuid", &["'auto'", "'reset'", "'virtual'", "'keep'"], &["'host'", "1000"]),
        ("policy", &["'normal'", "'strict'"], &["'Normal'", "''", "1"]),
        (
            "strict-clients",
            &["[]", "['a*', 'b', '*']"],
            &["'a'", "['']", "['a*b']", "['/a']", "[1]", "[\"\\n\"]"],
        ),
    ] {
        for section in ["[defaults]", "[[namespace]]"] {
            for value in good {
                assert!(parse(&format!("{section}\n{key} = {value}")).is_ok(), "{key} = {value}");
            }
            for value in bad {
                let message = message(&format!("{section}\n{key} = {value}"));
                let begin =
                    format!("\"/etc/test.toml\", line 2: {key} in {section} is {value}, but must be ");
                assert!(message.starts_with(&begin), "{message}");
                assert!(message.ends_with("; correct or remove it"), "{message}");
            }
        }
    }
}

#[test]
fn the_supervisors_values_are_checked() {
    for text in [
        "[supervisor]\nlog-folder = 'relative'",
        "[supervisor]\nlog-folder = ''",
        "[supervisor]\nlog-folder = \"/a\\n\"",
        "[supervisor]\nforward = 'host'",
        "[supervisor]\npriority-boost = 21",
        "[supervisor]\npriority-boost = -1",
        "[runtime]\non-missing = 'ask'",
        "[limits]\nnamespaces = 0",
        "[limits]\nnamespaces-per-user = 65537",
        "[[namespace]]\nuser = ''",
        "[[namespace]]\nname = 1",
        "[[namespace]]\nrefuse = 'true'",
        "[namespace]",
        "namespace = [1]",
        "limits = 1",
    ] {
        assert!(matches!(parse(text), Err(PolicyError::Value { .. })), "{text}: {:?}", parse(text));
    }
    assert!(message("[namespace]\nuser = 'a'").contains("begun by the line [[namespace]]"));
}

#[test]
fn long_values_are_shortened_in_messages() {
    let long = "x".repeat(10_000);
    let message = message(&format!("[defaults]\npolicy = '{long}'"));
    assert!(message.len() < 300 && message.contains("..."), "{message}");
}

#[test]
fn texts_and_lists_have_their_bounds() {
    let names = |count: usize| format!("[defaults]\nstrict-clients = [{}]", "'a',".repeat(count));
    assert!(parse(&names(bounds::STRICT_CLIENTS)).is_ok());
    assert!(parse(&names(bounds::STRICT_CLIENTS + 1)).is_err());
    for (begin, end, limit) in [
        ("[defaults]\nstrict-clients = ['", "']", bounds::STRICT_CLIENT_BYTES),
        ("[[namespace]]\nname = '", "'", bounds::PATTERN_BYTES),
        ("[supervisor]\nlog-folder = '/", "'", bounds::LOG_FOLDER_BYTES - 1),
    ] {
        assert!(parse(&format!("{begin}{}{end}", "a".repeat(limit))).is_ok(), "{begin}");
        assert!(parse(&format!("{begin}{}{end}", "a".repeat(limit + 1))).is_err(), "{begin}");
    }
}

#[test]
fn rules_are_limited() {
    let rule = "[[namespace]]\nsockets = 2\n";
    assert!(parse(&rule.repeat(bounds::NAMESPACE_RULES)).is_ok());
    let line = 2 * bounds::NAMESPACE_RULES + 1;
    let message = message(&rule.repeat(bounds::NAMESPACE_RULES + 1));
    assert!(message.contains(&format!("line {line}: ")), "{message}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert!(
        message("[limits]\n\nnamespaces = ").starts_with("\"/etc/test.toml\", line 3: this is not TOML (")
    );
    assert!(message("[limits]\nnamespaces = 1\nnamespaces = 2").contains("line 3"));
    let mut policy = Policy::default();
    let error = file(Path::new("x"), b"a\n\xff", &mut policy).unwrap_err();
    assert_eq!(error.to_string(), "\"x\", line 2: this is not UTF-8 text; save the file as UTF-8");
}

#[test]
fn deep_nesting_is_refused() {
    let depth = 50_000;
    assert!(parse(&format!("x = {}{}", "[".repeat(depth), "]".repeat(depth))).is_err());
    assert!(parse(&format!("{}x = 1", "a.".repeat(depth))).is_err());
}

/// Files that look like policies.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[defaults]\n".to_owned()),
        Just("[[namespace]]\n".to_owned()),
        Just("[limits]\n".to_owned()),
        Just("[supervisor]\n".to_owned()),
        "(sockets|rules|queue-bytes|log-size|user|name|policy|refuse|strict-clients|forward|on-missing)",
        " ?= ?",
        "-?[0-9]{1,22}\n",
        "['\"][*a-z0-9KMG\\\\\u{1b}]{0,6}['\"]\n",
        "\\PC{0,4}",
        "[\\[\\]{}.,#\n]",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in pieces()) {
        if let Ok(policy) = parse(&text) {
            let _ = policy.settings_for(&ALICE);
            prop_assert!(parse(&policy.to_string()).is_ok());
        }
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = file(Path::new("x"), &bytes, &mut Policy::default()) {
            prop_assert!(!error.to_string().contains(char::is_control), "{}", error);
        }
    }
}
