use super::*;

const PRINTED: &str = "@default\n    # System calls that are always permitted\n    exit\n    mmap\n\n@basic-io\n    read\n    write\n\n\
    @clock\n    adjtimex\n\n@mount\n    mount\n\n@known\n    # All\n    @default\n    @basic-io\n    @clock\n    @mount\n    ptrace\n    bpf\n\
    \n@loop\n    @loop\n    read\n";

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn calls(line: &str, groups: &Groups) -> Calls {
    let surroundings = Surroundings { folder: "/auditns-unit-test".into(), host_name: String::new() };
    Calls::of(&words(line), &surroundings, groups).unwrap()
}

fn allowed(line: &str) -> Vec<String> {
    let groups = Groups::parse(PRINTED).unwrap();
    calls(line, &groups).allowed.into_iter().collect()
}

fn has(line: &str, call: &str) -> bool {
    allowed(line).iter().any(|found| found == call)
}

#[test]
fn the_program_is_known_by_its_file_name() {
    for name in ["systemd-nspawn", "/usr/bin/systemd-nspawn", "./systemd-nspawn"] {
        assert!(is_nspawn(OsStr::new(name)), "{name}");
    }
    for name in ["nspawn", "systemd-nspawn/", "systemd-nspawn-x", ""] {
        assert!(!is_nspawn(OsStr::new(name)), "{name}");
    }
}

#[test]
fn groups_are_read_and_groups_in_groups_resolved() {
    let groups = Groups::parse(PRINTED).unwrap();
    let mut known = groups.calls("@known");
    known.sort();
    assert_eq!(known, ["adjtimex", "bpf", "exit", "mmap", "mount", "ptrace", "read", "write"]);
    assert_eq!(groups.calls("@loop"), ["read"], "a group in itself");
    assert_eq!(groups.calls("@nothing"), [] as [&str; 0]);
    assert_eq!(groups.calls("bpf"), ["bpf"]);
    assert_eq!(Groups::parse("@default\n  exit\n"), Err(GroupsError::Missing("@basic-io")));
    assert_eq!(Groups::parse("usage: x"), Err(GroupsError::Missing("@default")));
}

#[test]
fn capabilities_decide_about_some_calls() {
    assert!(has("", "mount") && has("", "read") && has("", "uname") && has("", "ptrace"));
    assert!(!has("", "adjtimex") && !has("", "bpf") && !has("", "syslog"));
    for line in [
        "--capability=CAP_SYS_TIME",
        "--capability CAP_SYS_TIME",
        "--capability=CAP_NET_ADMIN,sys_time",
        "-D /x --capability=all",
        "-qD/x --capability=all /sbin/init",
        "-M web --boot --capability=all",
        "--directory --capability=no --capability=all",
    ] {
        assert!(has(line, "adjtimex"), "{line}");
    }
    for line in [
        "-D /x /bin/sh --capability=all",
        "-- --capability=all",
        "/bin/sh --capability=all",
        "-M --capability=all",
        "--machine --capability=all",
        "--capability=all --drop-capability=CAP_SYS_TIME",
        "--capability=all --drop-capability=all",
    ] {
        assert!(!has(line, "adjtimex"), "{line}");
    }
    assert!(!has("--drop-capability=CAP_SYS_PTRACE", "ptrace"));
}

#[test]
fn calls_are_added_and_taken_away() {
    assert!(has("--system-call-filter=bpf", "bpf"));
    assert!(has("--system-call-filter=@clock", "adjtimex"));
    assert!(!has("--system-call-filter=~mount", "mount"));
    assert!(!has("--system-call-filter=bpf --system-call-filter=~@known", "bpf"));
}

#[test]
fn names_become_the_numbers_of_each_abi() {
    let groups = Groups::parse(PRINTED).unwrap();
    let calls = calls("--system-call-filter=no_such_call", &groups);
    assert!(calls.allowed.contains("no_such_call"));
    let native = Numbers::of(&calls, Abi::X86_64);
    let (i386, arm) = (Numbers::of(&calls, Abi::I386), Numbers::of(&calls, Abi::Aarch64));
    assert!(native.allowed.contains(&0) && i386.allowed.contains(&3) && arm.allowed.contains(&63), "read");
    assert!(
        native.allowed.contains(&165) && i386.allowed.contains(&21) && arm.allowed.contains(&40),
        "mount"
    );
    assert!(native.known.contains(&321) && !native.allowed.contains(&321), "bpf");
    assert!(Numbers::of(&calls, Abi::Arm).allowed.contains(&3));
}

#[test]
fn the_settings_file_counts_unless_the_command_line_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[Exec]\nCapability=CAP_SYS_TIME\nDropCapability=CAP_SYS_PTRACE\nSystemCallFilter=bpf\nSystemCallFilter=~mount\n";
    std::fs::write(folder.path().join("auditns-unit-test.nspawn"), settings).unwrap();
    let surroundings =
        Surroundings { folder: folder.path().join("auditns-unit-test"), host_name: String::new() };
    let groups = Groups::parse(PRINTED).unwrap();
    for (line, wanted) in [
        ("--settings=trusted", [true, false, true, false]),
        ("", [false, false, false, true]),
        ("--settings=no", [false, true, false, true]),
        ("--settings=trusted --capability=CAP_CHOWN", [false, true, true, false]),
        ("--settings=trusted --system-call-filter=~read", [true, false, false, true]),
        ("--settings=override --system-call-filter=~read", [false, false, false, true]),
        ("--settings=override --capability=CAP_SYS_TIME", [true, false, false, true]),
    ] {
        let allowed = Calls::of(&words(line), &surroundings, &groups).unwrap().allowed;
        assert_eq!(
            ["adjtimex", "ptrace", "bpf", "mount"].map(|call| allowed.contains(call)),
            wanted,
            "{line}"
        );
    }
}
