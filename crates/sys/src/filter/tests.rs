use super::*;
use crate::arch::{IO_URING_SETUP, X32_BIT};
use proptest::prelude::*;

const EVERYTHING: FilterOptions =
    FilterOptions { notify_signals: true, refuse_io_uring: true, refuse_sender_handles: true };

fn call(architecture: Architecture, number: u32, arguments: &[u64]) -> SeccompData {
    let mut data = SeccompData { number, architecture: architecture.audit_value(), ..SeccompData::default() };
    data.arguments[..arguments.len()].copy_from_slice(arguments);
    data
}

/// What the rules say, without a program.
fn directly(rules: &[Rule], data: &SeccompData) -> Action {
    rules.iter().find(|rule| rule.matches(data)).map_or(Action::Allow, |rule| rule.verdict.into())
}

fn verdict_of(options: FilterOptions, data: &SeccompData) -> Action {
    assemble(&rules(&options)).unwrap().evaluate(data)
}

/// The values that a test names, or the ends of its range.
fn values(test: &Test) -> Vec<u32> {
    match test {
        Test::AnyOf(values) => values.clone(),
        Test::Within(range) => vec![*range.start(), *range.end()],
        Test::Bits { mask, value } => vec![*value, value | !mask],
    }
}

/// A call that only this rule is about: its number, and the first value of each condition.
fn witness(rule: &Rule) -> SeccompData {
    let mut data = call(rule.architecture, rule.syscall, &[]);
    for condition in &rule.conditions {
        data.arguments[usize::from(condition.argument)] = u64::from(values(&condition.test)[0]);
    }
    data
}

#[test]
fn each_rule_stops_its_call_with_and_without_junk_above() {
    let program = assemble(&rules(&EVERYTHING)).unwrap();
    for rule in rules(&EVERYTHING) {
        let plain = witness(&rule);
        assert_eq!(program.evaluate(&plain), rule.verdict.into(), "{rule:?}");
        let mut junk = plain;
        junk.arguments = plain.arguments.map(|value| value | 0xdead_beef_0000_0000);
        junk.instruction_pointer = u64::MAX;
        assert_eq!(program.evaluate(&junk), rule.verdict.into(), "{rule:?}");
    }
}

#[test]
fn each_rule_tests_every_value_that_it_names() {
    let program = assemble(&rules(&EVERYTHING)).unwrap();
    for rule in rules(&EVERYTHING) {
        for condition in &rule.conditions {
            let at = usize::from(condition.argument);
            let mut data = witness(&rule);
            for value in values(&condition.test) {
                data.arguments[at] = u64::from(value);
                assert_eq!(program.evaluate(&data), rule.verdict.into(), "{rule:?} with {value}");
            }
            let mut others = vec![0xffff];
            if let Test::Within(range) = &condition.test {
                others.extend([0, range.start() - 1, range.end() + 1, u32::MAX]);
            }
            for other in others {
                data.arguments[at] = u64::from(other);
                assert_eq!(program.evaluate(&data), Action::Allow, "{rule:?} with {other}");
            }
        }
    }
}

#[test]
fn no_rule_is_redundant() {
    let all = rules(&EVERYTHING);
    for (position, rule) in all.iter().enumerate() {
        let mut fewer = all.clone();
        fewer.remove(position);
        let data = witness(rule);
        assert_eq!(assemble(&all).unwrap().evaluate(&data), rule.verdict.into());
        assert_eq!(assemble(&fewer).unwrap().evaluate(&data), Action::Allow, "without {rule:?}");
    }
}

#[test]
fn options_decide_about_signals_and_rings_only() {
    let kill = call(Architecture::X86_64, 62, &[1, 15]);
    let ring = call(Architecture::Aarch64, IO_URING_SETUP, &[]);
    let socket = call(Architecture::Arm, 281, &[16, 3, 9]);
    for notify_signals in [false, true] {
        for refuse_io_uring in [false, true] {
            let options = FilterOptions { notify_signals, refuse_io_uring, refuse_sender_handles: false };
            assert_eq!(verdict_of(options, &kill) == Action::Notify, notify_signals);
            assert_eq!(verdict_of(options, &ring) == Action::Errno(1), refuse_io_uring);
            assert_eq!(verdict_of(options, &socket), Action::Notify);
        }
    }
}

#[test]
fn x32_is_x86_64_and_its_own_numbers_count() {
    let x32 = |number: u32, arguments: &[u64]| {
        verdict_of(EVERYTHING, &call(Architecture::X86_64, X32_BIT | number, arguments))
    };
    assert_eq!(x32(0x29, &[16, 3, 9]), Action::Notify);
    assert_eq!(x32(X32_RT_SIGQUEUEINFO, &[1, 10]), Action::Notify);
    assert_eq!(x32(X32_RT_TGSIGQUEUEINFO, &[1, 1, 12]), Action::Notify);
    assert_eq!(x32(IO_URING_SETUP, &[]), Action::Errno(1));
    assert_eq!(x32(0x29, &[16, 3, 0]), Action::Allow);
}

#[test]
fn numbers_of_one_architecture_mean_nothing_on_another() {
    let netlink = [16, 3, 9];
    assert_eq!(verdict_of(EVERYTHING, &call(Architecture::I386, 41, &netlink)), Action::Allow);
    assert_eq!(verdict_of(EVERYTHING, &call(Architecture::I386, X32_BIT + 359, &netlink)), Action::Allow);
    assert_eq!(verdict_of(EVERYTHING, &call(Architecture::Aarch64, 41, &netlink)), Action::Allow);
    assert_eq!(verdict_of(EVERYTHING, &call(Architecture::X86_64, 198, &netlink)), Action::Allow);
    assert_eq!(verdict_of(EVERYTHING, &call(Architecture::X86_64, 102, &[1])), Action::Allow);
    let mut foreign = call(Architecture::X86_64, 41, &netlink);
    foreign.architecture = 0x8000_0016;
    assert_eq!(verdict_of(EVERYTHING, &foreign), Action::Allow);
}

#[test]
fn socketcall_is_stopped_for_socket_only() {
    let socketcall = |operation| verdict_of(EVERYTHING, &call(Architecture::I386, 102, &[operation, 0x1000]));
    assert_eq!(socketcall(1), Action::Notify);
    assert!((2..=20).all(|operation| socketcall(operation) == Action::Allow));
}

#[test]
fn impossible_rules_are_refused_with_a_sentence() {
    let rule = |conditions| Rule {
        architecture: Architecture::X86_64,
        syscall: 41,
        conditions,
        verdict: Verdict::Notify,
        comment: "for a test",
    };
    let many: Vec<u32> = (0..300).collect();
    let error = assemble(&[rule(vec![one_of(0, &many)])]).unwrap_err();
    assert_eq!(error, AssembleError::RuleTooLong { syscall: 41 });
    assert_eq!(
        assemble(&[rule(vec![one_of(6, &[1])])]).unwrap_err(),
        AssembleError::NoSuchArgument { syscall: 41, argument: 6 }
    );
    let numbered = |syscall| Rule { syscall, ..rule(vec![one_of(0, &[1])]) };
    let too_many: Vec<Rule> = (0..1100).map(numbered).collect();
    let error = assemble(&too_many).unwrap_err();
    assert!(matches!(error, AssembleError::ProgramTooLong(length) if length > 4096), "{error}");
    let as_many_as_fit: Vec<Rule> = (0..550).map(numbered).collect();
    assert!(assemble(&as_many_as_fit).unwrap().len() <= 4096);
}

#[test]
fn the_way_of_every_number_is_short() {
    let program = assemble(&rules(&EVERYTHING)).unwrap();
    for architecture in [Architecture::X86_64, Architecture::I386, Architecture::Aarch64, Architecture::Arm] {
        let steps: usize = (0..480).map(|number| program.run(&call(architecture, number, &[])).1).sum();
        assert!(steps < 480 * 20, "{architecture:?}: {} of {}", steps / 480, program.len());
    }
}

#[test]
fn the_longest_test_that_fits_still_jumps_right() {
    // 254 comparisons: the first leaps over 253 others, the last over what remains of the rule.
    let values: Vec<u32> = (1000..1254).collect();
    let rules = [
        Rule {
            architecture: Architecture::X86_64,
            syscall: 41,
            conditions: vec![one_of(1, &values), one_of(0, &[7])],
            verdict: Verdict::Errno(5),
            comment: "first",
        },
        Rule {
            architecture: Architecture::X86_64,
            syscall: 41,
            conditions: vec![],
            verdict: Verdict::Notify,
            comment: "second",
        },
    ];
    let program = assemble(&rules).unwrap();
    for value in [999, 1000, 1001, 1253, 1254] {
        for first in [7, 8] {
            let data = call(Architecture::X86_64, 41, &[first, value]);
            assert_eq!(program.evaluate(&data), directly(&rules, &data), "{first} {value}");
        }
    }
}

#[test]
fn other_sockets_are_never_stopped_and_fast_ones_receive_freely() {
    for calls in &TABLE {
        let on = calls.on_socket;
        let stopped =
            |number, fd| verdict_of(EVERYTHING, &call(calls.architecture, number, &[fd])) != Action::Allow;
        for number in [on.bind, on.connect, on.getsockname, on.getpeername, on.setsockopt, on.getsockopt] {
            assert!(stopped(number, 832) && stopped(number, 863) && stopped(number, 864));
        }
        for number in [on.recvfrom, on.recvmsg] {
            assert!(!stopped(number, 832) && !stopped(number, 863));
            assert!(stopped(number, 864) && stopped(number, 895));
        }
        for number in [on.bind, on.listen, on.shutdown, on.getsockopt, on.recvfrom, on.recvmsg] {
            for fd in (0..832).chain([896, 1023, 65535, u64::from(u32::MAX)]) {
                assert!(!stopped(number, fd), "{number} of {fd}");
            }
        }
    }
    let x32 = |number: u32| verdict_of(EVERYTHING, &call(Architecture::X86_64, X32_BIT | number, &[870]));
    for number in [X32_SETSOCKOPT, X32_GETSOCKOPT, X32_RECVFROM, X32_RECVMSG] {
        assert_eq!(x32(number), Action::Notify);
    }
}

#[test]
fn the_two_ranges_make_up_the_whole() {
    assert_eq!(
        (reserved::ALL.start(), reserved::ALL.end()),
        (reserved::FAST.start(), reserved::STRICT.end())
    );
    assert_eq!(reserved::FAST.end() + 1, *reserved::STRICT.start());
}

/// Values that the filter knows, mixed with any others.
fn interesting(known: &'static [u32]) -> impl Strategy<Value = u32> {
    prop_oneof![4 => prop::sample::select(known), 1 => any::<u32>()]
}

fn any_call() -> impl Strategy<Value = SeccompData> {
    const ARCHITECTURES: &[u32] = &[0xc000_003e, 0x4000_0003, 0xc000_00b7, 0x4000_0028, 0x8000_0016];
    const NUMBERS: &[u32] = &[
        25, 33, 37, 41, 45, 47, 49, 54, 55, 62, 63, 72, 102, 129, 130, 131, 138, 178, 198, 200, 234, 238,
        240, 268, 270, 281, 297, 335, 359, 363, 424, 425, 524, 536,
    ];
    const VALUES: &[u32] = &[0, 1, 2, 9, 10, 12, 15, 16, 76, 831, 832, 863, 864, 895, 896, 1030];
    let argument = || (interesting(VALUES), prop_oneof![Just(0_u64), any::<u32>().prop_map(u64::from)]);
    (
        interesting(ARCHITECTURES),
        interesting(NUMBERS),
        any::<bool>(),
        any::<u64>(),
        prop::array::uniform6(argument()),
    )
        .prop_map(|(architecture, number, x32, instruction_pointer, arguments)| SeccompData {
            number: if x32 { number | X32_BIT } else { number },
            architecture,
            instruction_pointer,
            arguments: arguments.map(|(low, high)| high << 32 | u64::from(low)),
        })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let architecture = prop::sample::select(TABLE.map(|calls| calls.architecture).to_vec());
    let test = prop_oneof![
        prop::collection::vec(0_u32..20, 0..5).prop_map(Test::AnyOf),
        (0_u32..20, 0_u32..20).prop_map(|(first, last)| Test::Within(first..=last)),
    ];
    let condition = (0_u8..6, test).prop_map(|(argument, test)| Condition { argument, test });
    let verdict = prop_oneof![Just(Verdict::Notify), (1_u16..4096).prop_map(Verdict::Errno)];
    (
        architecture,
        prop_oneof![Just(41_u32), Just(425), 0_u32..600],
        prop::collection::vec(condition, 0..4),
        verdict,
    )
        .prop_map(|(architecture, syscall, conditions, verdict)| Rule {
            architecture,
            syscall,
            conditions,
            verdict,
            comment: "generated",
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_program_means_what_the_rules_say(data in any_call(), signals: bool, rings: bool, handles: bool) {
        let options = FilterOptions {
            notify_signals: signals,
            refuse_io_uring: rings,
            refuse_sender_handles: handles,
        };
        let rules = rules(&options);
        prop_assert_eq!(assemble(&rules).unwrap().evaluate(&data), directly(&rules, &data));
    }

    #[test]
    fn any_rules_assemble_to_what_they_say(
        rules in prop::collection::vec(any_rule(), 0..60),
        data in any_call(),
    ) {
        prop_assert_eq!(assemble(&rules).unwrap().evaluate(&data), directly(&rules, &data));
    }
}

#[test]
fn reserved_numbers_cannot_be_chosen() {
    let busy = Action::Errno(16);
    for calls in &TABLE {
        let verdict =
            |number, arguments: &[u64]| verdict_of(EVERYTHING, &call(calls.architecture, number, arguments));
        let copy = calls.copy;
        for number in copy.dup2.into_iter().chain([copy.dup3]) {
            assert_eq!(
                [831, 832, 895, 896].map(|new| verdict(number, &[3, new])),
                [Action::Allow, busy, busy, Action::Allow]
            );
            assert_eq!(verdict(number, &[832, 3]), Action::Allow, "an audit socket can be copied elsewhere");
        }
        for number in copy.fcntl64.into_iter().chain([copy.fcntl]) {
            for command in [0, 1030] {
                for from in [832, 895] {
                    assert_eq!(verdict(number, &[3, command, from]), busy);
                }
                for from in [0, 10, 831, 896] {
                    assert_eq!(verdict(number, &[3, command, from]), Action::Allow);
                }
                assert_eq!(verdict(number, &[832, command, 10]), Action::Allow);
            }
            assert_eq!(verdict(number, &[832, 1, 832]), Action::Allow, "other commands are");
        }
    }
}

#[test]
fn handles_of_senders_are_refused_on_every_socket_where_asked_for() {
    let set = |number, arguments: &[u64]| {
        let data = call(Architecture::X86_64, number, arguments);
        let without = FilterOptions { refuse_sender_handles: false, ..EVERYTHING };
        (verdict_of(EVERYTHING, &data), verdict_of(without, &data))
    };
    let refused = Action::Errno(92);
    assert_eq!(set(54, &[5, 1, 76]), (refused, Action::Allow));
    assert_eq!(set(X32_BIT | X32_SETSOCKOPT, &[5, 1, 76]), (refused, Action::Allow));
    assert_eq!(set(54, &[5, 1, 16]), (Action::Allow, Action::Allow));
    assert_eq!(set(54, &[5, 6, 76]), (Action::Allow, Action::Allow));
    assert_eq!(set(54, &[870, 1, 76]), (Action::Notify, Action::Notify), "where we can tell, we do");
}

#[test]
fn opens_without_following_are_stopped_and_no_others() {
    use crate::arch::{OpenCalls, TABLE};
    let all = [rules(&EVERYTHING), login_file_rules()].concat();
    let program = assemble(&all).unwrap();
    let without = assemble(&rules(&EVERYTHING)).unwrap();
    for calls in TABLE {
        let OpenCalls { open, openat, no_follow, large_file } = calls.open;
        let allowed = [0, 1, 2, 0o1000, 0o2_000_000, large_file, 0o1002 | 0o2_000_000 | large_file];
        let openat_with =
            |flags: u32| call(calls.architecture, openat, &[u64::MAX, 0x1000, flags.into(), 0o644]);
        for flags in allowed {
            let data = openat_with(no_follow | flags);
            assert_eq!(program.evaluate(&data), Action::Notify, "{:?} {flags:o}", calls.architecture);
            assert_eq!(without.evaluate(&data), Action::Allow, "who has the kernel's own pays nothing");
            assert_eq!(program.evaluate(&openat_with(flags)), Action::Allow);
        }
        let used =
            [0o3, 0o1000, 0o2_000_000, large_file, no_follow].into_iter().fold(0, |sum, flag| sum | flag);
        for bit in (0..32).map(|bit| 1_u32 << bit).filter(|bit| used & bit == 0) {
            assert_eq!(program.evaluate(&openat_with(no_follow | bit)), Action::Allow, "{bit:o}");
        }
        if let Some(open) = open {
            let data = call(calls.architecture, open, &[0x1000, no_follow.into(), 0]);
            assert_eq!(program.evaluate(&data), Action::Notify);
        }
    }
    assert!(program.len() < 4096);
}

proptest! {
    #[test]
    fn a_program_agrees_with_its_rules_about_bits(mask: u32, value: u32, flags: u32, junk: u32) {
        let test = Test::Bits { mask, value };
        let (conditions, verdict) = (vec![Condition { argument: 2, test }], Verdict::Notify);
        let rule = Rule { architecture: Architecture::X86_64, syscall: 257, conditions, verdict, comment: "" };
        let rules = [rule];
        let program = assemble(&rules).unwrap();
        for flags in [flags, flags & !mask | value, value] {
            let data = call(Architecture::X86_64, 257, &[0, 0, u64::from(junk) << 32 | u64::from(flags)]);
            prop_assert_eq!(program.evaluate(&data), directly(&rules, &data));
        }
    }
}
