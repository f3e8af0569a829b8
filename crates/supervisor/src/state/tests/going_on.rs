//! Answers that are on their way at a kill, and kills while somebody takes over.

use super::*;
use std::collections::BTreeMap;

/// Lets a member ask for an acknowledgement. Returns it and the action that it is.
fn acknowledgement(rig: &mut Rig) -> (u64, Vec<u8>) {
    let (sender, answers, bytes) = (sender(), Answers::default(), user_message());
    rig.feed(Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &bytes, answers: &answers });
    loop {
        match rig.take() {
            Some(Action::Reply { frame, .. }) => return (rig.journal.current(), frame),
            Some(_) => {}
            None => panic!("nothing is answered"),
        }
    }
}

fn opened() -> Rig {
    let mut rig = Rig::new();
    rig.feed(Input::EndpointOpened { endpoint: ENDPOINT, kind: 3, pid: 1 });
    rig
}

fn lost(rig: &Rig) -> BTreeMap<u64, Vec<u8>> {
    let answers = rig.found().1.answers.into_iter();
    answers.map(|(action, answer)| (action, answer.frame)).collect()
}

#[test]
fn answers_are_lost_until_they_are_sent_and_none_is_in_doubt() {
    let mut rig = opened();
    let table = rig.state.answers();
    let (ours, _theirs) = pair();
    let (first, frame) = acknowledgement(&mut rig);
    assert!(rig.found().1.doubt.is_some(), "it has no place yet");
    table.announce(0, first);
    assert!(rig.found().1.doubt.is_none());
    let (second, other_frame) = acknowledgement(&mut rig);
    table.announce(1, second);
    rig.journal.all_done();
    assert_eq!(lost(&rig), BTreeMap::from([(first, frame.clone()), (second, other_frame.clone())]));
    table.send(1, &ours, &other_frame, SentBy::Supervisor).unwrap();
    assert_eq!(lost(&rig), BTreeMap::from([(first, frame.clone())]));
    // The place of the one that was sent is another's.
    let (third, _) = acknowledgement(&mut rig);
    table.announce(1, third);
    rig.journal.all_done();
    assert_eq!(lost(&rig).into_keys().collect::<Vec<_>>(), [first, third]);
    table.send(0, &ours, &frame, SentBy::Supervisor).unwrap();
    table.send(1, &ours, &frame, SentBy::Supervisor).unwrap();
    assert!(lost(&rig).is_empty());
}

#[test]
fn answers_on_their_way_outlive_a_snapshot() {
    let mut rig = opened();
    let table = rig.state.answers();
    let (ours, _theirs) = pair();
    let (action, bytes) = acknowledgement(&mut rig);
    table.announce(3, action);
    while rig.take().is_some() {}
    let answers = vec![(action, ENDPOINT, bytes.clone())];
    rig.journal.snapshot(&(&rig.family, Frame { answers, ..frame() })).unwrap();
    assert_eq!(lost(&rig), BTreeMap::from([(action, bytes.clone())]));
    let (next, _) = acknowledgement(&mut rig);
    assert_ne!(next, action, "actions of all epochs have numbers of their own");
    table.send(3, &ours, &bytes, SentBy::Supervisor).unwrap();
    assert!(lost(&rig).is_empty());
}

#[test]
fn an_answer_that_came_back_waits_and_is_not_lost() {
    let mut rig = opened();
    connect(&rig, &[]);
    let (action, frame) = acknowledgement(&mut rig);
    let table = rig.state.answers();
    table.announce(0, action);
    rig.journal.note(&Entry::Returned(ENDPOINT, 9, action, &frame));
    for place_is_another_s in [false, true] {
        let (_, replayed) = rig.found();
        let state = &replayed.connections[&ENDPOINT];
        assert_eq!((state.unsent.len(), state.unsent_since), (1, 9), "{place_is_another_s}");
        assert_eq!(state.unsent[0], frame);
        assert!(replayed.answers.is_empty() && replayed.doubt.is_none());
        table.announce(0, action + 100);
    }
}

#[test]
fn who_takes_over_goes_on_with_the_journal_of_the_one_before() {
    let mut rig = opened();
    let (sender, answers, bytes) = (sender(), Answers::default(), user_message());
    for round in 0..5 {
        rig.feed(Input::Datagram { endpoint: ENDPOINT, sender: &sender, bytes: &bytes, answers: &answers });
        let _ = rig.take();
        // The next process has come as far as noting something itself.
        let (journal, kept) = rig.state.left().unwrap();
        let (mut family, _) = replay(&kept).unwrap();
        let now = now();
        journal.note(&Entry::Input(&Input::Tick, now));
        family.handle(ROOT, Input::Tick, now);
        let action = family.poll_action().map(|(_, action)| action);
        assert!(action.is_some());
        journal.take_up();
        (rig.journal, rig.family) = (journal, family);
        let (kept, replayed) = rig.found();
        assert_eq!(kept.entries.len(), 1 + 2 * (round + 1));
        assert_eq!(replayed.doubt.map(|doubt| doubt.action), action);
    }
}

#[test]
fn a_late_answer_that_was_sent_is_not_sent_again_by_the_second_to_take_over() {
    let rig = Rig::new();
    let (ours, _theirs) = pair();
    connect(&rig, &[b"one", b"two"]);
    rig.journal.send_late(ENDPOINT, &ours, b"one", SentBy::Supervisor).0.unwrap();
    let (journal, kept) = rig.state.left().unwrap();
    let (_, replayed) = replay(&kept).unwrap();
    assert_eq!((replayed.late, replayed.flushed), (Some((ENDPOINT, 1)), 1));
    // What the one that takes over does, until it is killed as well.
    journal.go_on_after_late(replayed.flushed);
    journal.note(&Entry::Flushed(ENDPOINT, 1));
    journal.send(&ours, b"another", SentBy::Supervisor).unwrap();
    let (journal, kept) = rig.state.left().unwrap();
    let (_, replayed) = replay(&kept).unwrap();
    assert_eq!(replayed.connections[&ENDPOINT].unsent, [b"two".to_vec()]);
    journal.go_on_after_late(replayed.flushed);
    assert_eq!(journal.send_late(ENDPOINT, &ours, b"two", SentBy::Supervisor).1, 2, "numbers go on");
}

#[test]
fn a_listener_s_number_means_the_last_one_that_had_it() {
    let rig = Rig::new();
    let listener = |proxied| ListenerState { number: 1, wait_killable: true, place: None, proxied };
    rig.journal.note(&Entry::Listener(&listener(true)));
    rig.journal.note(&Entry::Listener(&listener(false)));
    assert_eq!(rig.found().1.frame.listeners, [listener(false)]);
}
