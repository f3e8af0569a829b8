use super::*;
use proptest::prelude::*;

const RUNC: &[u8] = include_bytes!("../../tests/data/runc-spec.json");
const PODMAN: &[u8] = include_bytes!("../../tests/data/podman.json");

#[test]
fn what_runc_writes_is_read() {
    let bundle = Bundle::parse(RUNC).unwrap();
    assert_eq!(bundle.arguments, ["sh"]);
    assert_eq!(bundle.hostname.as_deref(), Some("runc"));
    assert!(bundle.no_new_privileges && bundle.new_pid_namespace() && !bundle.new_user_namespace());
    let bounding: Vec<String> = bundle.bounding.clone().unwrap().into_iter().collect();
    assert_eq!(bounding, ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    assert!(bundle.annotations.is_empty() && bundle.seccomp.is_none() && bundle.cgroups_path.is_none());
    assert!(!bundle.refuses_audit());
    assert_eq!(bundle.default_errno(), None);
}

#[test]
fn what_podman_writes_is_read() {
    let bundle = Bundle::parse(PODMAN).unwrap();
    assert_eq!(bundle.arguments, ["/bin/true"]);
    assert_eq!(bundle.annotations["io.container.manager"], "libpod");
    assert_eq!(bundle.annotations["io.auditns.policy"], "strict");
    assert!(!bundle.no_new_privileges);
    assert!(!bundle.bounding.as_ref().unwrap().contains("CAP_AUDIT_WRITE"));
    assert!(bundle.cgroups_path.as_ref().unwrap().starts_with("/libpod_parent/libpod-"));
    assert_eq!(bundle.default_errno(), Some(38));
    assert!(bundle.refuses_audit(), "without the capability, podman's profile refuses audit sockets");
    let profile = bundle.seccomp.unwrap();
    assert_eq!(profile.verdict("socket", &[16, 3, 9, 0, 0, 0]), seccomp::Action::Errno(22));
    assert_eq!(profile.verdict("socket", &[16, 3, 0, 0, 0, 0]), seccomp::Action::Allow);
    assert_eq!(profile.verdict("socket", &[2, 1, 9, 0, 0, 0]), seccomp::Action::Allow);
    assert_eq!(profile.verdict("kexec_load", &[0; 6]), seccomp::Action::Errno(38));
}

#[test]
fn namespaces_are_new_or_joined_or_absent() {
    let bundle = Bundle::parse(
        br#"{"linux":{"namespaces":[{"type":"user"},{"type":"pid","path":"/proc/1/ns/pid"},{"type":"time"},{}],
            "cgroupsPath":"","seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/a.sock","syscalls":null}}}"#,
    )
    .unwrap();
    assert_eq!(bundle.user_namespace, Origin::New);
    assert_eq!(bundle.pid_namespace, Origin::Joined("/proc/1/ns/pid".into()));
    assert!(bundle.new_user_namespace() && !bundle.new_pid_namespace());
    assert_eq!(bundle.listener_path, Some("/run/a.sock".into()));
    assert_eq!(bundle.cgroups_path, None);
    let none = Bundle::parse(br#"{"process":null,"linux":{"namespaces":null}}"#).unwrap();
    assert_eq!(none, Bundle::default());
    assert_eq!(none.pid_namespace, Origin::Inherited);
    let empty_path = Bundle::parse(br#"{"linux":{"namespaces":[{"type":"user","path":""}]}}"#).unwrap();
    assert_eq!(empty_path.user_namespace, Origin::New);
}

#[test]
fn what_is_no_configuration_is_refused() {
    for (bytes, line, column) in
        [(&b""[..], 1, 0), (b"{", 1, 1), (b"{\n\"annotations\": {\"a\": 1}}", 2, 22), (b"5", 1, 1)]
    {
        match Bundle::parse(bytes) {
            Err(BundleError::Malformed { line: at, column: place }) => {
                assert_eq!((at, place), (line, column));
            }
            other => panic!("{other:?}"),
        }
    }
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert!(Bundle::parse(&deep).is_err());
}

#[test]
fn a_configuration_is_read_from_its_folder_or_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    assert!(matches!(read(folder.path()), Err(BundleError::Open { path, .. }) if path == file));
    std::fs::write(&file, RUNC).unwrap();
    assert_eq!(read(folder.path()).unwrap(), Bundle::parse(RUNC).unwrap());
    assert_eq!(read_configuration(&file).unwrap(), Bundle::parse(RUNC).unwrap());
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read_configuration(folder.path()), Err(BundleError::NotRegular { .. })));
    let pipe = folder.path().join("config.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(read(folder.path()), Err(BundleError::NotRegular { path }) if path == pipe));
}

#[test]
fn a_configuration_has_a_greatest_length() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let mut bytes = b"{}".to_vec();
    bytes.resize(LONGEST, b' ');
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(read(folder.path()).unwrap(), Bundle::default());
    bytes.push(b' ');
    std::fs::write(&file, &bytes).unwrap();
    assert!(matches!(read(folder.path()), Err(BundleError::TooLong)));
    assert!(matches!(Bundle::parse(&bytes), Err(BundleError::TooLong)));
}

#[test]
fn paths_are_escaped_in_messages() {
    let message = read(std::path::Path::new("/nowhere/\u{1b}[2J\n")).unwrap_err().to_string();
    assert!(message.contains("\\u{1b}[2J\\n") && !message.contains('\u{1b}'), "{message}");
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Bundle::parse(&bytes).map_err(|error| error.to_string());
    }

    #[test]
    fn changed_configurations_are_taken(
        podman in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = if podman { PODMAN.to_vec() } else { RUNC.to_vec() };
        for (index, byte) in changes {
            let place = index.index(bytes.len());
            bytes[place] = byte;
        }
        if !whole {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok(bundle) = Bundle::parse(&bytes) {
            bundle.refuses_audit();
        }
    }
}
