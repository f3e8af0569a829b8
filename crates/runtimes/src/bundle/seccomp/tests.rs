use super::*;
use proptest::prelude::*;

const AUDIT: [u64; ARGUMENTS] = [AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, 0, 0, 0];
const ALLOW: Action = Action::Allow;
const INVALID: Action = Action::Errno(22);

type Given<'a> = (Action, &'a [(u64, &'a str, u64)]);

fn profile(default: Action, rules: &[Given<'_>]) -> Profile {
    let rule = |(action, comparisons): &Given<'_>| Rule {
        action: *action,
        names: vec!["bind".to_owned(), "socket".to_owned()],
        comparisons: comparisons
            .iter()
            .map(|(index, operator, value)| match *operator {
                "MASKED_EQ" => Comparison::named(*index, "SCMP_CMP_MASKED_EQ", u64::from(u32::MAX), *value),
                other => Comparison::named(*index, &format!("SCMP_CMP_{other}"), *value, 0),
            })
            .collect(),
    };
    Profile::new(default, rules.iter().map(rule).collect())
}

fn verdict(default: Action, rules: &[Given<'_>]) -> Action {
    profile(default, rules).verdict("socket", &AUDIT)
}

#[test]
fn every_comparison_is_made() {
    for (operator, matching) in [
        ("EQ", [false, true, false]),
        ("NE", [true, false, true]),
        ("LT", [true, false, false]),
        ("LE", [true, true, false]),
        ("GT", [false, false, true]),
        ("GE", [false, true, true]),
        ("MASKED_EQ", [false, true, false]),
    ] {
        for (protocol, matches) in [8, 9, 10].into_iter().zip(matching) {
            let profile = profile(ALLOW, &[(INVALID, &[(2, operator, 9)])]);
            let action = profile.verdict("socket", &[AF_NETLINK, SOCK_RAW, protocol, 0, 0, 0]);
            assert_eq!(action == INVALID, matches, "{operator} {protocol}");
        }
    }
    let high = [AF_NETLINK | 1 << 32, SOCK_RAW, NETLINK_AUDIT, 0, 0, 0];
    let masked = profile(ALLOW, &[(INVALID, &[(0, "MASKED_EQ", 16), (2, "MASKED_EQ", 9)])]);
    assert_eq!(masked.verdict("socket", &high), INVALID);
    let equal = profile(ALLOW, &[(INVALID, &[(0, "EQ", 16), (2, "EQ", 9)])]);
    assert_eq!(equal.verdict("socket", &high), ALLOW);
}

#[test]
fn profiles_of_managers_are_judged() {
    let deny = Action::Errno(1);
    let no_vsock: [Given<'_>; 1] = [(ALLOW, &[(0, "NE", 40)])];
    assert_eq!(verdict(deny, &no_vsock), ALLOW);
    let no_vsock_nor_alg: [Given<'_>; 3] =
        [(ALLOW, &[(0, "LT", 38)]), (ALLOW, &[(0, "EQ", 39)]), (ALLOW, &[(0, "GT", 40)])];
    assert_eq!(verdict(deny, &no_vsock_nor_alg), ALLOW);
    let inet_only: [Given<'_>; 2] = [(ALLOW, &[(0, "EQ", 2)]), (ALLOW, &[(0, "EQ", 10)])];
    assert_eq!(verdict(deny, &inet_only), deny);
    assert_eq!(verdict(Action::KillProcess, &[]), Action::KillProcess);
    let podman: [Given<'_>; 4] = [
        (INVALID, &[(0, "EQ", 16), (2, "EQ", 9)]),
        (ALLOW, &[(2, "NE", 9)]),
        (ALLOW, &[(0, "NE", 16)]),
        (ALLOW, &[(2, "NE", 9)]),
    ];
    assert_eq!(verdict(Action::Errno(38), &podman), INVALID);
    let served: [Given<'_>; 1] = [(Action::Notify, &[(0, "MASKED_EQ", 16), (2, "MASKED_EQ", 9)])];
    assert_eq!(verdict(ALLOW, &served), Action::Notify);
    assert!(!profile(ALLOW, &served).refuses_audit());
    assert_eq!(profile(deny, &no_vsock).verdict("connect", &AUDIT), deny, "another call");
}

// What libseccomp 2.5.4 decides for these was seen by running its filters.
#[test]
fn of_several_rules_the_one_that_libseccomp_tries_first_decides() {
    let audit: Given<'_> = (INVALID, &[(0, "EQ", 16), (2, "EQ", 9)]);
    for (rules, action) in [
        // Without comparisons, before or after.
        (&[audit, (Action::Log, &[])][..], Action::Log),
        (&[(Action::Log, &[]), audit], Action::Log),
        (&[(Action::Log, &[]), (INVALID, &[])], Action::Log),
        (&[audit, (Action::Log, &[(2, "MASKED_EQ", 9)])], Action::Log),
        // The third argument before the first.
        (&[audit, (Action::Log, &[(2, "EQ", 9)])], Action::Log),
        (&[(INVALID, &[(2, "EQ", 9)]), (Action::Log, &[(0, "EQ", 16)])], INVALID),
        // Equality before order.
        (&[(Action::Log, &[(0, "GE", 2)]), (INVALID, &[(0, "NE", 2)])], INVALID),
        (&[(Action::Log, &[(0, "GE", 2)]), (INVALID, &[(0, "LE", 40)])], INVALID),
        // The higher value first.
        (&[(INVALID, &[(0, "EQ", 16)]), (Action::Log, &[(0, "NE", 40)])], Action::Log),
        (&[(Action::Log, &[(0, "NE", 2)]), (INVALID, &[(0, "EQ", 16)])], INVALID),
        (&[(Action::Log, &[(0, "LT", 40)]), (INVALID, &[(0, "LT", 20)])], INVALID),
        // With a mask, whichever kind is first in the profile.
        (&[(Action::Log, &[(0, "MASKED_EQ", 16)]), (INVALID, &[(0, "EQ", 16)])], Action::Log),
        (&[(INVALID, &[(0, "EQ", 16)]), (Action::Log, &[(0, "MASKED_EQ", 16)])], INVALID),
    ] {
        assert_eq!(verdict(ALLOW, rules), action, "{rules:?}");
    }
}

#[test]
fn rules_that_runtimes_leave_out_or_refuse_decide_nothing() {
    let deny = Action::Errno(1);
    assert_eq!(verdict(deny, &[(deny, &[]), (ALLOW, &[(0, "EQ", 16)])]), ALLOW);
    assert_eq!(verdict(ALLOW, &[(deny, &[(6, "EQ", 16)])]), ALLOW);
    assert_eq!(verdict(ALLOW, &[(deny, &[(0, "LIKE", 16)])]), ALLOW);
    assert_eq!(verdict(ALLOW, &[(Action::Unknown, &[])]), ALLOW);
    assert_eq!(verdict(ALLOW, &[(deny, &[(u64::MAX, "EQ", 16)])]), ALLOW);
}

#[test]
fn an_argument_that_is_compared_twice_makes_two_rules() {
    assert_eq!(verdict(ALLOW, &[(INVALID, &[(0, "GE", 10), (0, "LE", 12)])]), INVALID);
    assert_eq!(verdict(ALLOW, &[(INVALID, &[(0, "GE", 20), (0, "LE", 12), (2, "EQ", 9)])]), INVALID);
    assert_eq!(verdict(ALLOW, &[(INVALID, &[(0, "GE", 20), (0, "LE", 12)])]), ALLOW);
}

#[test]
fn actions_have_their_names_and_errors() {
    for (name, errno, action, refuses) in [
        ("SCMP_ACT_ALLOW", None, Action::Allow, false),
        ("SCMP_ACT_ERRNO", None, Action::Errno(1), true),
        ("SCMP_ACT_ERRNO", Some(97), Action::Errno(97), true),
        ("SCMP_ACT_KILL", None, Action::KillThread, true),
        ("SCMP_ACT_KILL_THREAD", None, Action::KillThread, true),
        ("SCMP_ACT_KILL_PROCESS", None, Action::KillProcess, true),
        ("SCMP_ACT_TRAP", None, Action::Trap, true),
        ("SCMP_ACT_TRACE", None, Action::Trace(1), true),
        ("SCMP_ACT_LOG", None, Action::Log, false),
        ("SCMP_ACT_NOTIFY", None, Action::Notify, false),
        ("SCMP_ACT_NEW", None, Action::Unknown, false),
        ("", Some(1), Action::Unknown, false),
    ] {
        assert_eq!(Action::named(name, errno), action);
        assert_eq!(action.refuses(), refuses, "{name}");
    }
}

proptest! {
    /// Where all rules that match agree, their order does not matter.
    #[test]
    fn rules_that_agree_decide(
        rules in prop::collection::vec(
            prop::collection::vec((0..3_u64, 0..7_usize, prop::sample::select(vec![0, 3, 9, 16, 40])), 1..3),
            0..6,
        ),
    ) {
        let operators = ["EQ", "NE", "LT", "LE", "GT", "GE", "MASKED_EQ"];
        let rules: Vec<Vec<(u64, &str, u64)>> = rules
            .into_iter()
            .map(|rule| rule.into_iter().map(|(index, operator, value)| (index, operators[operator], value)).collect())
            .collect();
        let given: Vec<Given<'_>> = rules.iter().map(|rule| (INVALID, rule.as_slice())).collect();
        let profile = profile(ALLOW, &given);
        let separate = profile.rules.iter().flat_map(Rule::separate);
        let matching = separate.into_iter().any(|rule| rule.iter().all(|each| each.holds(&AUDIT)));
        prop_assert_eq!(profile.refuses_audit(), matching);
    }
}
