use super::time::{age, date};
use super::*;
use crate::interface::{Membership, NamespaceInfo, Policy};
use std::time::Duration;

const HOSTILE: &str = "a\u{1b}[2J\nb\u{202e}";
const ESCAPED: &str = "a\\x1b[2J\\x0ab\\xe2\\x80\\xae";

fn named(name: &str, contid: u64) -> NamespaceInfo {
    NamespaceInfo { name: name.to_owned(), contid, ..NamespaceInfo::default() }
}

fn sample(seconds: u64, namespaces: &[NamespaceInfo]) -> Sample {
    Sample { taken: Duration::from_secs(seconds), namespaces: namespaces.to_vec() }
}

fn is_harmless(text: &str) -> bool {
    !text.chars().any(|character| (character.is_control() && character != '\n') || character == '\u{202e}')
}

#[test]
fn the_table_has_a_line_for_each_namespace_in_columns() {
    let web = NamespaceInfo {
        pid: 100,
        uid: 1000,
        policy: Policy::Strict,
        backlog_limit: 8192,
        backlog: 2,
        lost: 9,
        lost_total: 3,
        records: 123_456,
        daemon_pid: 77,
        started: 1000,
        members: Some(12),
        membership: Membership::Exact,
        ..named("web", 7)
    };
    let text = table(
        &[web, NamespaceInfo { members: Some(3), parent: Some(7), ..named("a-longer-name", 123_456_789) }],
        1000 + 3 * 60 + 4,
    );
    let expected = "\
NAME              CONTID  PARENT  PID  MEMBERS  USER  POLICY  LIMIT  BACKLOG  LOST  RECORDS  DAEMON     AGE
web                    7       -  100       12  1000  strict   8192        2     3   123456      77   3m04s
a-longer-name  123456789       7    -       ~3     0  normal      0        0     0        0       -  19m44s
";
    assert_eq!(text, expected);
}

#[test]
fn a_table_of_nothing_is_headings_and_the_future_has_no_age() {
    assert_eq!(table(&[], 0).lines().count(), 1);
    let future = NamespaceInfo { started: 50, ..named("web", 1) };
    assert!(table(&[future], 10).ends_with("  0s\n"));
}

#[test]
fn texts_of_others_are_escaped_everywhere() {
    let namespace =
        NamespaceInfo { runtime: HOSTILE.to_owned(), log_folder: HOSTILE.to_owned(), ..named(HOSTILE, 1) };
    let all = std::slice::from_ref(&namespace);
    for text in
        [table(all, 0), details(&namespace), frame(&sample(0, &[]), &sample(1, all), 200, 10).join("\n")]
    {
        assert!(text.contains(ESCAPED) && is_harmless(&text), "{text:?}");
    }
    assert_eq!(details(&namespace).matches(ESCAPED).count(), 3);
    assert_eq!(table(all, 0).lines().count(), 2);
}

#[test]
fn details_have_a_line_for_every_field_of_the_interface() {
    let namespace = NamespaceInfo { members: Some(5), ..named("web", 7) };
    let fields = serde_json::to_value(&namespace).unwrap();
    let text = details(&namespace);
    let mut keys: Vec<&str> = text.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    keys.sort_unstable();
    let mut expected: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

#[test]
fn details_say_what_numbers_mean() {
    let namespace = NamespaceInfo {
        enabled: 2,
        failure: 7,
        started: 951_827_696,
        gate_open: true,
        backlog_limit: 64,
        ..named("web", 7)
    };
    let text = details(&namespace);
    for line in [
        "enabled: 2 (locked)",
        "failure: 7",
        "rate_limit: 0 (unlimited)",
        "backlog_limit: 64",
        "started: 2000-02-29 12:34:56 UTC",
        "gate_open: yes",
        "pid: unknown",
        "daemon_pid: none",
        "members: unknown",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

#[test]
fn dates_are_those_of_the_calendar() {
    for (seconds, expected) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (68_169_600, "1972-02-29 00:00:00 UTC"),
        (1_735_689_599, "2024-12-31 23:59:59 UTC"),
        (1_735_689_600, "2025-01-01 00:00:00 UTC"),
        (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        (253_402_300_799, "9999-12-31 23:59:59 UTC"),
    ] {
        assert_eq!(date(seconds), expected);
    }
    assert!(date(u64::MAX).ends_with(" UTC"));
}

#[test]
fn ages_are_in_their_largest_units() {
    for (seconds, expected) in
        [(0, "0s"), (59, "59s"), (60, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (86_399, "23h59m")]
    {
        assert_eq!(age(seconds), expected);
    }
    assert_eq!(age(86_400 * 400 + 3600), "400d01h");
}

#[test]
fn a_frame_shows_what_changed_since_the_one_before() {
    let web = NamespaceInfo {
        records: 1000,
        blocked_ms: 10,
        queued_main: 1,
        queued_retry: 2,
        queued_hold: 3,
        lost_total: 4,
        members: Some(5),
        sockets: 600,
        open_sockets: 6,
        ..named("web", 1)
    };
    let later = NamespaceInfo { records: 1025, blocked_ms: 510, ..web.clone() };
    let busy = NamespaceInfo { records: 80, ..named("new", 2) };
    let screen = frame(&sample(10, &[web]), &sample(12, &[later, busy]), 200, 10);
    let expected = [
        "2 namespaces, 52.5 records/s, 4 lost",
        "NAME  RECORDS/S  QUEUE  LOST  BLOCKED MS/S  MEMBERS  SOCKETS",
        "new        40.0      0     0           0.0        -        0",
        "web        12.5      6     4         250.0       ~5        6",
    ];
    assert_eq!(screen, expected);
}

#[test]
fn equal_rates_are_sorted_by_name() {
    let namespaces = [named("b", 1), named("a", 2), named("c", 3)];
    let screen = frame(&sample(0, &[]), &sample(1, &namespaces), 100, 10);
    let names: Vec<&str> = screen[2..].iter().map(|line| &line[..1]).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn counters_that_went_back_and_clocks_that_stand_still_are_rates_of_nothing() {
    let before = NamespaceInfo { records: u64::MAX, ..named("web", 1) };
    let after = NamespaceInfo { records: 5, ..named("web", 1) };
    let all = |namespace: &NamespaceInfo, at| sample(at, std::slice::from_ref(namespace));
    for (previous, current) in [
        (all(&before, 1), all(&after, 2)),
        (all(&after, 2), all(&before, 2)),
        (all(&after, 3), all(&before, 2)),
    ] {
        assert!(frame(&previous, &current, 100, 10)[0].contains(" 0.0 records/s"));
    }
    let most = frame(&all(&named("web", 1), 0), &all(&before, 1), 200, 10);
    assert!(most[0].contains(&format!(" {}.0 records/s", u64::MAX)));
}

#[test]
fn a_frame_fits_every_screen() {
    let namespaces: Vec<_> = (0..20).map(|number| named(&"näme".repeat(10), number)).collect();
    for width in 0..130 {
        for height in 0..25 {
            let screen = frame(&sample(0, &[]), &sample(1, &namespaces), width, height);
            assert!(screen.len() <= height);
            assert!(screen.iter().all(|line| line.chars().count() <= width), "{screen:?}");
        }
    }
}

#[test]
fn what_has_no_line_is_counted() {
    let namespaces: Vec<_> = (0..20).map(|number| named("web", number)).collect();
    let current = sample(1, &namespaces);
    let screen = frame(&sample(0, &[]), &current, 100, 10);
    assert_eq!((screen.len(), screen[9].as_str()), (10, "and 13 more"));
    assert_eq!(frame(&sample(0, &[]), &current, 100, 22).len(), 22);
    assert!(frame(&sample(0, &[]), &current, 100, 22)[21].starts_with("web"));
}

#[test]
fn long_names_are_shortened_before_numbers_are() {
    let screen = frame(&sample(0, &[]), &sample(1, &[named(&"n".repeat(60), 1)]), 80, 10);
    assert_eq!(screen[2].chars().count(), 80);
    assert!(screen[2].contains("nnn…  ") && screen[1].ends_with("SOCKETS"));
}
