use super::*;
use crate::bundle::Bundle;
use crate::bundle::seccomp::Action;
use proptest::prelude::*;

/// What podman comes with, without what depends on capabilities that the container does not have.
const PODMAN: &[u8] = include_bytes!("../../../tests/data/podman.json");
const SOCKET: &str = "/run/auditns/oci.sock";

fn listening(profile: &Value) -> Bundle {
    let changed = with_listener(profile.to_string().as_bytes(), SOCKET).unwrap();
    bundle(&changed)
}

fn bundle(profile: &Value) -> Bundle {
    Bundle::parse(json!({"ociVersion": "1.0.2", "linux": {"seccomp": profile}}).to_string().as_bytes())
        .unwrap()
}

fn verdict(bundle: &Bundle, call: &str, arguments: &[u64]) -> Action {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    bundle.seccomp.as_ref().unwrap().verdict(call, &all)
}

fn podman() -> Value {
    let config: Value = serde_json::from_slice(PODMAN).unwrap();
    config["linux"]["seccomp"].clone()
}

#[test]
fn the_supervisor_is_asked_about_audit_sockets_and_what_is_done_with_them() {
    let mut profile = podman();
    let names: Vec<&str> = calls::names().collect();
    profile["syscalls"].as_array_mut().unwrap().push(json!({"names": names, "action": "SCMP_ACT_ALLOW"}));
    let changed = listening(&profile);
    assert_eq!(changed.listener_path.as_deref(), Some(std::path::Path::new(SOCKET)));
    assert!(!changed.refuses_audit());
    for junk in [0, 1 << 32, 0xffff_ffff_0000_0000] {
        assert_eq!(verdict(&changed, "socket", &[16 | junk, 3, 9 | junk]), Action::Notify);
        assert_ne!(verdict(&changed, "socket", &[16, 2, 9 | junk]), Action::Allow);
    }
    for number in [832, 863, 864, 895] {
        assert_eq!(verdict(&changed, "getsockname", &[number]), Action::Notify);
        let strict = if number >= 864 { Action::Notify } else { Action::Allow };
        assert_eq!(verdict(&changed, "recvmsg", &[number]), strict, "{number}");
    }
    for number in [0, 831, 896, 0xffff_ffff] {
        assert_eq!(verdict(&changed, "getsockname", &[number]), Action::Allow, "{number}");
        assert_eq!(verdict(&changed, "recvmsg", &[number]), Action::Allow, "{number}");
    }
    for signal in 0..70 {
        let wanted = if [1, 10, 12, 15].contains(&signal) { Action::Notify } else { Action::Allow };
        assert_eq!(verdict(&changed, "kill", &[7, signal]), wanted, "{signal}");
        assert_eq!(verdict(&changed, "tgkill", &[7, 7, signal]), wanted, "{signal}");
    }
}

#[test]
fn other_sockets_and_calls_are_as_before() {
    let (before, after) = (bundle(&podman()), listening(&podman()));
    for family in 0..46 {
        for protocol in 0..32 {
            if (family, protocol) != (16, 9) {
                let call = [family, 1, protocol];
                assert_eq!(verdict(&after, "socket", &call), verdict(&before, "socket", &call), "{call:?}");
            }
        }
    }
    for call in
        ["read", "mount", "openat", "socketpair", "socketcall", "clone", "personality", "no_such_call"]
    {
        for argument in [0, 8, 16, 0x7e02_0000] {
            assert_eq!(verdict(&after, call, &[argument]), verdict(&before, call, &[argument]), "{call}");
        }
    }
    assert_ne!(verdict(&after, "io_uring_setup", &[]), Action::Allow);
}

#[test]
fn a_profile_that_allows_what_it_does_not_name_asks_as_well() {
    let changed = listening(&json!({"defaultAction": "SCMP_ACT_ALLOW"}));
    assert_eq!(verdict(&changed, "socket", &[16, 3, 9]), Action::Notify);
    assert_eq!(verdict(&changed, "socket", &[16, 3, 0]), Action::Allow);
    assert_eq!(verdict(&changed, "bind", &[840]), Action::Notify);
    assert_eq!(verdict(&changed, "kill", &[1, 15]), Action::Notify);
    assert_eq!(verdict(&changed, "io_uring_setup", &[]), Action::Errno(1));
}

#[test]
fn copies_to_the_numbers_of_audit_sockets_are_refused_and_no_others() {
    let mut listed = podman();
    let names: Vec<&str> = copies::names().collect();
    listed["syscalls"].as_array_mut().unwrap().push(json!({"names": names, "action": "SCMP_ACT_ALLOW"}));
    let open = json!({"defaultAction": "SCMP_ACT_ALLOW"});
    let odd = 1 << 32;
    let numbers = [0, 3, 831, 832, 840, 895, 896, 1 << 31, 0xffff_ffff, odd + 3, odd + 840, u64::MAX];
    let commands = [0, 1, 2, 3, 4, 1029, 1030, 1031, 1040, 0x7fff_ffff, 0xffff_ffff, odd, odd + 1030];
    for profile in [listed, open] {
        let changed = listening(&profile);
        for number in numbers {
            let reserved = (832..=895).contains(&(number & 0xffff_ffff));
            let wanted = |copies| if copies && reserved { Action::Errno(16) } else { Action::Allow };
            for call in ["dup2", "dup3"] {
                assert_eq!(verdict(&changed, call, &[5, number]), wanted(true), "{call} {number:#x}");
            }
            for command in commands {
                let copies = [0, 1030].contains(&(command & 0xffff_ffff));
                for call in ["fcntl", "fcntl64"] {
                    let verdict = verdict(&changed, call, &[5, command, number]);
                    assert_eq!(verdict, wanted(copies), "{call} {command:#x} {number:#x}");
                }
            }
        }
    }
}

#[test]
fn profiles_whose_conditions_others_overlook_are_known() {
    let rule = |key: &str, value: Value| json!({"syscalls": [{"names": ["read"], key: value}]});
    for (profile, wanted) in [
        (json!({}), false),
        (json!({"archMap": null, "syscalls": null}), false),
        (rule("includes", json!({})), false),
        (rule("excludes", Value::Null), false),
        (json!({"archMap": []}), true),
        (rule("includes", json!({"caps": ["CAP_SYS_ADMIN"]})), true),
        (rule("excludes", json!({"arches": ["s390"]})), true),
    ] {
        assert_eq!(has_conditions(&profile), wanted, "{profile}");
    }
}

#[test]
fn what_cannot_be_merged_for_32_bit_programs_is_refused() {
    let profile = |socketcall: Value, x86: Value| {
        let mut profile = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["bind"], "action": "SCMP_ACT_ALLOW"}, socketcall,
        ]});
        profile.as_object_mut().unwrap().extend(x86.as_object().unwrap().clone());
        with_listener(profile.to_string().as_bytes(), SOCKET)
    };
    let architectures = json!({"architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]});
    let map =
        json!({"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]});
    let whole = json!({"names": ["socketcall"], "action": "SCMP_ACT_ALLOW"});
    let mut part = whole.clone();
    part["args"] = json!([{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]);
    let mut conditional = whole.clone();
    conditional["includes"] = json!({"caps": ["CAP_SYS_ADMIN"]});
    for x86 in [architectures, map] {
        assert!(profile(whole.clone(), x86.clone()).is_ok());
        for other in
            [part.clone(), conditional.clone(), json!({"names": ["read"], "action": "SCMP_ACT_ALLOW"})]
        {
            assert!(matches!(profile(other, x86.clone()), Err(ProfileError::Socketcall)), "{x86}");
        }
    }
    assert!(profile(part, json!({"architectures": ["SCMP_ARCH_X86_64"]})).is_ok());
}

#[test]
fn what_depends_on_capabilities_depends_on_them_still() {
    let condition = json!({"caps": ["CAP_AUDIT_WRITE"]});
    let changed = with_listener(
        json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "includes": condition},
            {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22, "excludes": condition,
             "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
            {"names": ["bind", "read"], "action": "SCMP_ACT_ALLOW", "includes": condition, "comment": "kept"},
        ]})
        .to_string()
        .as_bytes(),
        SOCKET,
    )
    .unwrap();
    let rules = changed["syscalls"].as_array().unwrap();
    let of = |name: &str| rules.iter().filter(|rule| rule["names"][0] == name).collect::<Vec<_>>();
    assert_eq!(of("socket").len(), 45 + 31 + 1, "every family, every protocol of netlink, and the question");
    let without: Vec<_> = of("socket").into_iter().filter(|rule| rule["includes"] != condition).collect();
    assert!(without.len() == 1 && without[0]["action"] == "SCMP_ACT_NOTIFY", "{without:?}");
    assert!(of("bind").len() == 3 && of("bind").iter().all(|rule| rule["includes"] == condition));
    assert_eq!(of("read")[0]["comment"], "kept");
}

#[test]
fn what_cannot_be_changed_is_refused_in_a_sentence() {
    let rule = |rule: Value| json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [rule]}).to_string();
    let types = json!({"index": 1, "value": 3, "op": "SCMP_CMP_EQ"});
    let netlink = json!({"index": 0, "value": 16, "op": "SCMP_CMP_EQ"});
    for (profile, wanted) in [
        ("{".to_owned(), "no JSON"),
        ("[]".to_owned(), "no \"defaultAction\""),
        ("{}".to_owned(), "no \"defaultAction\""),
        (json!({"defaultAction": "SCMP_ACT_ERRNO"}).to_string(), "no rules"),
        (rule(json!({"names": "socket"})), "rule 0"),
        (rule(json!({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{}]})), "rule 0"),
        (rule(json!({"names": ["read"], "action": "SCMP_ACT_NOTIFY"})), "listener"),
        (json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}).to_string(), "listener"),
        (rule(json!({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [types]})), "compares types"),
        (
            rule(json!({"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [netlink]})),
            "refuses netlink",
        ),
    ] {
        let error = with_listener(profile.as_bytes(), SOCKET).unwrap_err().to_string();
        assert!(error.contains(wanted), "{profile}: {error}");
    }
}

proptest! {
    #[test]
    fn no_profile_lets_audit_sockets_through(
        allowed in proptest::collection::vec((0_u64..4, 0_u64..50, 0_u64..3), 0..4),
        junk in proptest::sample::select(vec![0_u64, 1 << 32, u64::MAX << 32]),
    ) {
        let operators = ["SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_GE"];
        let rules: Vec<Value> = allowed
            .iter()
            .map(|(operator, value, index)| {
                let operator = operators[usize::try_from(*operator).unwrap()];
                let index = if *index == 1 { 2 } else { *index };
                json!({"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                       "args": [{"index": index, "value": value, "op": operator}]})
            })
            .collect();
        let changed = listening(&json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}));
        for family in [16, 16 | junk] {
            for protocol in [9, 9 | junk] {
                prop_assert_eq!(verdict(&changed, "socket", &[family, 3, protocol]), Action::Notify);
            }
        }
    }
}
