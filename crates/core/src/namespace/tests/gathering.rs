//! Records that wait for others before they are sent to the audit daemon.

use super::rig::{Member, Rig};
use auditns_wire::payload::Status;
use std::time::Duration;

const DELAY: Duration = Duration::from_micros(300);
const STEP: Duration = Duration::from_micros(100);

fn registered() -> (Rig, Member, Member) {
    let mut rig = Rig::with(|config| config.delivery_delay = DELAY);
    let daemon = rig.member(10);
    assert_eq!(rig.set_pid(&daemon, 10), 0);
    rig.advance(DELAY);
    rig.stored();
    rig.take(daemon.endpoint);
    let other = rig.member(20);
    (rig, daemon, other)
}

#[test]
fn records_come_together_and_none_waits_longer_than_the_delay() {
    let (mut rig, daemon, other) = registered();
    for text in ["one", "two", "three"] {
        rig.say(&other, text);
        assert_eq!(rig.stored().len(), 1, "it is stored at once");
        assert!(rig.texts(daemon.endpoint).is_empty());
        rig.advance(STEP);
    }
    let texts = rig.texts(daemon.endpoint);
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts.iter().zip(["one", "two", "three"]).all(|(text, said)| text.contains(said)), "{texts:?}");
    assert_eq!(rig.namespace.next_deadline(), None, "nothing is due any more");
}

#[test]
fn many_records_wait_for_no_more() {
    let (mut rig, daemon, other) = registered();
    let came = |rig: &mut Rig, said: usize| {
        (0..said).for_each(|_| drop(rig.say(&other, "x")));
        rig.texts(daemon.endpoint).len()
    };
    assert_eq!((came(&mut rig, 31), came(&mut rig, 1)), (0, 32));
    // No more than half of the limit waits: the rest is the daemon's to use up.
    let limit = Status { mask: Status::MASK_BACKLOG_LIMIT, backlog_limit: 8, ..Status::default() };
    assert_eq!(rig.set(&other, &limit), 0);
    rig.advance(DELAY);
    rig.take(daemon.endpoint);
    assert_eq!((came(&mut rig, 3), came(&mut rig, 1)), (0, 4));
}

#[test]
fn without_a_daemon_nothing_is_gathered() {
    let mut rig = Rig::with(|config| config.delivery_delay = DELAY);
    let other = rig.member(20);
    rig.say(&other, "held");
    assert_eq!((rig.namespace.next_deadline(), rig.status(&other).backlog), (None, 0));
}
