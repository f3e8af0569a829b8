use super::*;
use std::ffi::OsString;

fn options(line: &str) -> Options {
    Options::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
}

fn paths(line: &str, folder: &str) -> Vec<String> {
    let surroundings = Surroundings { folder: folder.into(), host_name: "my-host".to_owned() };
    let places = places(&options(line), &surroundings);
    let shown = |place: &Place| format!("{}{}", if place.trusted { "" } else { "?" }, place.path.display());
    places.iter().map(shown).collect()
}

fn expect(line: &str, name: &str, beside: &[&str]) {
    let mut wanted =
        vec![format!("/etc/systemd/nspawn/{name}.nspawn"), format!("/run/systemd/nspawn/{name}.nspawn")];
    wanted.extend(beside.iter().map(|path| (*path).to_owned()));
    assert_eq!(paths(line, "/home/me/tree"), wanted, "{line}");
}

#[test]
fn files_are_looked_for_where_systemd_nspawn_does() {
    expect("-D /srv/web", "web", &["?/srv/web.nspawn"]);
    expect("-qD /srv/web --settings=yes", "web", &["?/srv/web.nspawn"]);
    expect("-qbD/srv/web/", "web", &["?/srv/web.nspawn"]);
    expect("--directory=web", "web", &["?/home/me/tree/web.nspawn"]);
    expect("-D . --settings=trusted", "tree", &["/home/me/tree.nspawn"]);
    expect("", "tree", &["?/home/me/tree.nspawn"]);
    expect("-D /srv/web -M shop", "shop", &["?/srv/shop.nspawn"]);
    expect("-i /srv/disk.raw", "disk", &["?/srv/disk.nspawn"]);
    expect("--image /srv/disk.img", "disk.img", &["?/srv/disk.img.nspawn"]);
    expect("-D /", "my-host", &[]);
    expect("-D /srv/-my_tree.-.x-", "mytree.x", &["?/srv/mytree.x.nspawn"]);
    expect("-D /srv/web /bin/sh -M other", "web", &["?/srv/web.nspawn"]);
    let by_name = MACHINE_FOLDERS.map(|folder| format!("?{folder}/shop.nspawn"));
    expect("-M shop", "shop", &by_name.each_ref().map(String::as_str));
    for line in [
        "-D /srv/web --settings=no",
        "-D /srv/web --settings off",
        "--oci-bundle=/srv/web",
        "-M ../x",
        "-D ..",
    ] {
        assert_eq!(paths(line, "/home/me"), [] as [&str; 0], "{line}");
    }
    expect(&format!("-D /{}", "a".repeat(100)), &"a".repeat(64), &[&format!("?/{}.nspawn", "a".repeat(64))]);
}

#[test]
fn what_decides_about_calls_is_read_and_the_rest_is_not() {
    let text = "# [Exec]\nCapability=CAP_SYS_TIME\n[Exec]\nCapability=CAP_SYS_TIME \\\n  cap_sys_rawio\n; DropCapability=all\n\
                DropCapability = all\nSystemCallFilter=~mount @clock\nSystemCallFilter=bpf\n[Network]\nCapability=all\n[Exec\nx\n";
    let settings = Settings::parse(text);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(settings.added, set(&["CAP_SYS_TIME", "CAP_SYS_RAWIO"]));
    assert_eq!(settings.dropped, set(&["CAP_ALL"]));
    assert_eq!(
        (settings.allowed, settings.refused),
        (vec!["bpf".to_owned()], vec!["mount".to_owned(), "@clock".to_owned()])
    );
    for text in ["", "=", "[", "[]", "[Exec]\n=\nCapability\nSystemCallFilter=~", "\0\u{1b}[Exec]"] {
        assert_eq!(Settings::parse(text), Settings::default(), "{text:?}");
    }
}

/// What the settings of a tree say, with a file beside it.
fn beside(text: &[u8], line: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("auditns-unit-test.nspawn"), text).unwrap();
    let surroundings =
        Surroundings { folder: folder.path().join("auditns-unit-test"), host_name: String::new() };
    Settings::read(&options(line), &surroundings)
}

#[test]
fn a_file_beside_the_tree_may_take_and_not_give() {
    let text = b"[Exec]\nCapability=all\nDropCapability=CAP_SYS_PTRACE\nSystemCallFilter=~mount\n";
    let untrusted = beside(text, "").unwrap();
    assert!(untrusted.added.is_empty() && untrusted.dropped.len() == 1 && untrusted.refused == ["mount"]);
    assert_eq!(beside(text, "--settings=trusted").unwrap().added.len(), 1);
    assert_eq!(beside(text, "--settings=no").unwrap(), Settings::default());
    let giving = beside(b"[Exec]\nSystemCallFilter=bpf\nSystemCallFilter=~mount\n", "").unwrap();
    assert_eq!(giving, Settings::default(), "systemd-nspawn ignores the whole of such a list");
    assert_eq!(beside(b"\xff\n[Exec]\nSystemCallFilter=~mount\n", "").unwrap().refused, ["mount"]);
}

#[test]
fn no_file_is_read_without_end_and_one_that_cannot_be_read_is_told() {
    let most = usize::try_from(MOST_BYTES).unwrap();
    assert_eq!(beside(&vec![b'#'; most], "").unwrap(), Settings::default());
    assert!(matches!(beside(&vec![b'#'; most + 1], ""), Err(SettingsError::TooLong(_))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("auditns-unit-test.nspawn")).unwrap();
    let surroundings =
        Surroundings { folder: folder.path().join("auditns-unit-test"), host_name: String::new() };
    let error = Settings::read(&options(""), &surroundings).unwrap_err().to_string();
    assert!(error.contains("auditns-unit-test.nspawn of systemd-nspawn cannot be read"), "{error}");
}
