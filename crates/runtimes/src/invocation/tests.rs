use super::*;
use proptest::prelude::*;
use std::os::unix::ffi::OsStringExt;

fn parse(line: &str) -> Invocation {
    let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    Invocation::parse(&arguments)
}

fn asked(verb: Verb, container: &str, bundle: Option<&str>, root: Option<&str>) -> Invocation {
    Invocation {
        verb,
        container: Some(container.to_owned()),
        bundle: bundle.map(PathBuf::from),
        root: root.map(PathBuf::from),
        ..Invocation::default()
    }
}

fn without_log(invocation: Invocation) -> Invocation {
    Invocation { log: None, log_format: LogFormat::Text, ..invocation }
}

#[test]
fn the_log_is_a_file_and_its_lines_have_a_form() {
    for (options, log, format) in [
        ("--log /l/log.json --log-format json", Some("/l/log.json"), LogFormat::Json),
        ("--log-format=json --log=file:/l", Some("/l"), LogFormat::Json),
        ("-l /l --log-format text", Some("/l"), LogFormat::Text),
        ("--log journald:id", None, LogFormat::Text),
        ("--log syslog:id", None, LogFormat::Text),
        ("--log file:", None, LogFormat::Text),
        ("--debug", None, LogFormat::Text),
    ] {
        let invocation = parse(&format!("{options} create x"));
        assert_eq!((invocation.log, invocation.log_format), (log.map(PathBuf::from), format), "{options}");
        let unclear = parse(&format!("{options} create --no-such-option x"));
        assert_eq!((unclear.log, unclear.verb), (log.map(PathBuf::from), Verb::Other), "{options}");
    }
}

#[test]
fn managers_command_lines_are_understood() {
    for (line, verb, container, bundle, root) in [
        // containerd and docker, through their shim.
        (
            "--root /run/containerd/runc/k8s.io --log /l/log.json --log-format json --systemd-cgroup create --bundle /b \
             --pid-file /b/init.pid --console-socket /tmp/pty.sock abc",
            Verb::Create,
            "abc",
            Some("/b"),
            Some("/run/containerd/runc/k8s.io"),
        ),
        ("--root /r --log /l --log-format json start abc", Verb::Start, "abc", None, Some("/r")),
        (
            "--root /r --log /l --log-format json exec --process /tmp/p --console-socket /s --detach --pid-file /f abc",
            Verb::Exec,
            "abc",
            None,
            Some("/r"),
        ),
        (
            "--root /r restore --image-path /i --work-path /w --detach --tcp-established --manage-cgroups-mode full \
             --bundle /b --empty-ns network abc",
            Verb::Restore,
            "abc",
            Some("/b"),
            Some("/r"),
        ),
        // podman, through conmon.
        (
            "--log-format=json --log=/l --root=/run/crun create --bundle /b --pid-file /p --no-pivot --preserve-fds 2 abc",
            Verb::Create,
            "abc",
            Some("/b"),
            Some("/run/crun"),
        ),
        (
            "--cgroup-manager systemd --systemd-cgroup --rootless true exec --pid-file /p --process /f --detach --tty abc",
            Verb::Exec,
            "abc",
            None,
            None,
        ),
        ("--debug --criu /c run -d --keep abc", Verb::Run, "abc", None, None),
        ("--log-level debug run -f other.json abc", Verb::Run, "abc", None, None),
        ("-l /l -r /r -s create -b /b -p /p -c /c abc", Verb::Create, "abc", Some("/b"), Some("/r")),
    ] {
        let invocation = Invocation { configuration: None, ..without_log(parse(line)) };
        assert_eq!(invocation, asked(verb, container, bundle, root), "{line}");
    }
}

#[test]
fn options_are_taken_in_the_forms_that_runtimes_take() {
    for line in [
        "-root /r create -bundle /b x",
        "-root=/r create -bundle=/b x",
        "--root=/r create --bundle=/b x",
        "--root /r -- create --bundle /b -- x",
        "--root /r create -b=/b x",
        "--root /r create -b/b x",
        "--root /r create x -b /b",
        "--root /r create --bun /b x",
        "--rootless=/x --root /r create --b /b --no-pivot=false --pid /p x",
        "--root /other --root /r create --bundle /other --bundle /b x",
        "--systemd-cgroup=true -root /r create --preserve-fds 3 -b /b x",
        "--root /r --log --debug create --pid-file --bundle -b /b x",
    ] {
        assert_eq!(without_log(parse(line)), asked(Verb::Create, "x", Some("/b"), Some("/r")), "{line}");
    }
    assert_eq!(parse("run -db /b x"), asked(Verb::Run, "x", Some("/b"), None));
    assert_eq!(parse("run -db/b x"), asked(Verb::Run, "x", Some("/b"), None));
    assert_eq!(parse("create -b /b -"), asked(Verb::Create, "-", Some("/b"), None));
    assert_eq!(parse("create -b /b -- --help"), asked(Verb::Create, "--help", Some("/b"), None));
    assert_eq!(parse("create --config o.json x").configuration, Some(PathBuf::from("o.json")));
    assert_eq!(parse("create -b /b").container, None);
    assert_eq!(parse("create -b /b").verb, Verb::Create);
    let empty = [OsString::from("create"), OsString::new()];
    assert_eq!(Invocation::parse(&empty), Invocation { verb: Verb::Create, ..Invocation::default() });
}

#[test]
fn what_follows_the_container_of_exec_is_the_commands() {
    for line in [
        "exec x --root /y",
        "exec -d --pid-file /f x ls -b /y --bundle /z",
        "exec --cwd /x -e A=b x -e",
        "exec -- x -e",
        "exec -u 0 --cap CAP_AUDIT_WRITE -g 5 x run y",
        "exec -t x --help",
        "exec --tty=false x ls",
        "exec -tfalse x ls",
        "exec -dt x ls",
        "exec -td x ls",
        "exec -t=false x",
        "exec -d=true x",
        "exec --process-label l --apparmor a --no-new-privs --cgroup c --ignore-paused --pidfd-socket s x -- y",
    ] {
        assert_eq!(parse(line), asked(Verb::Exec, "x", None, None), "{line}");
    }
}

#[test]
fn what_is_not_understood_is_left_alone() {
    for (line, argument) in [
        ("--new-option create x", "--new-option"),
        // The folder, or whether there is a user namespace.
        ("--roo /r create x", "--roo"),
        ("--root", "--root"),
        ("--version create x", "--version"),
        ("-v create x", "-v"),
        ("-V", "-V"),
        ("--help", "--help"),
        ("--root /r create --help x", "--help"),
        ("--root /r create x -h", "-h"),
        ("--root /r create --no-such x", "--no-such"),
        ("--root /r create ---bundle /b x", "---bundle"),
        ("--root /r create -x /b x", "-x"),
        ("--root /r create --pid-file", "--pid-file"),
        ("--root /r create x -b", "-b"),
        ("--root /r create --no-pivot false -b /b x", "x"),
        ("--root /r create x y", "y"),
        ("--root /r start x --debug", "--debug"),
        // Bundle and console socket, as the one runtime or the other has it.
        ("--root /r create --con /c x", "--con"),
        // A terminal called "p", or a terminal and a process.
        ("--root /r exec -tp /f x", "-tp"),
        ("--root /r exec -? x", "-?"),
    ] {
        let invocation = parse(line);
        assert_eq!(invocation.verb, Verb::Other, "{line}");
        assert_eq!(invocation.container, None, "{line}");
        assert_eq!(invocation.not_understood, Some(argument.into()), "{line}");
        assert_eq!(invocation.root.is_some(), line.starts_with("--root /r"), "{line}");
    }
}

#[test]
fn other_verbs_are_other_and_nothing_is_missing() {
    for line in
        ["", "--root /r", "state x", "--root /r kill x 9", "--log /l delete --force x", "spec", "-", "--"]
    {
        let invocation = parse(line);
        assert_eq!((invocation.verb, &invocation.not_understood), (Verb::Other, &None), "{line}");
        assert_eq!(invocation.container, None, "{line}");
    }
    assert_eq!(parse("--root /r state x").root, Some(PathBuf::from("/r")));
}

#[test]
fn paths_need_not_be_text_but_containers_do() {
    let raw = OsString::from_vec(b"/b\xff".to_vec());
    let mut joined = OsString::from("--root=");
    joined.push(&raw);
    let invocation = Invocation::parse(&[joined, "create".into(), "-b".into(), raw.clone(), raw.clone()]);
    assert_eq!(invocation.verb, Verb::Create);
    assert_eq!(invocation.container, None);
    assert_eq!(invocation.bundle, Some(PathBuf::from(&raw)));
    assert_eq!(invocation.root, Some(PathBuf::from(&raw)));
}

proptest! {
    #[test]
    fn any_arguments_are_read(arguments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..8)) {
        let arguments: Vec<OsString> = arguments.into_iter().map(OsString::from_vec).collect();
        Invocation::parse(&arguments);
    }

    #[test]
    fn a_container_is_one_of_the_arguments(
        words in prop::collection::vec(
            prop::sample::select(vec!["exec", "create", "run", "-b", "-t", "-d", "--root", "--", "-tp", "x", "--tty", "="]),
            0..10,
        ),
    ) {
        let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        let invocation = Invocation::parse(&arguments);
        if let Some(container) = &invocation.container {
            prop_assert!(words.contains(&container.as_str()));
            prop_assert!(invocation.verb != Verb::Other);
        }
    }
}
