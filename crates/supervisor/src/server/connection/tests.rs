use super::*;
use crate::identity::{Owner, Resolver};
use crate::testing;
use auditns_sys::EndpointPair;

fn pair() -> (Connection, OwnedFd) {
    let pid = std::process::id();
    let owner = Owner::of_first_opener(pid, 0).unwrap();
    let opener = Resolver::new(1).learn(pid, &owner).unwrap();
    let EndpointPair { server, client, refuses_descriptors, .. } =
        testing::sockets().take(true).unwrap().pair;
    let state = ConnectionState::new(1, None, refuses_descriptors, opener);
    (Connection::new(EndpointId(20), server, SentBy::Supervisor, None, state), client)
}

/// Answers until some wait.
fn fill(connection: &mut Connection) {
    for number in 0.. {
        connection.reply(vec![b'a'; 4000], number);
        if connection.unsent_since().is_some() {
            return;
        }
        assert!(number < 100_000, "no bound");
    }
}

fn reads(client: &OwnedFd) -> usize {
    let mut buffer = [0; 5000];
    (0..10_000).take_while(|_| rustix::io::read(client, &mut buffer).is_ok_and(|length| length > 0)).count()
}

#[test]
fn answers_wait_in_order_and_stop_reading() {
    let (mut connection, client) = pair();
    fill(&mut connection);
    assert!(!connection.may_read());
    assert_eq!(connection.unsent_bytes(), 4000 + OVERHEAD);
    assert_eq!(connection.offer(b"x"), Delivery::Full, "nothing overtakes an answer");
    let since = connection.unsent_since();
    connection.reply(vec![b'b'; 10], 1 << 40);
    assert_eq!(connection.unsent_since(), since);
    assert!(reads(&client) > 10);
    connection.flush();
    assert_eq!((connection.unsent_bytes(), connection.unsent_since()), (0, None));
    assert!(connection.may_read());
    assert_eq!(reads(&client), 2);
}

#[test]
fn a_listener_that_misses_records_is_told_once_and_hears_again_when_it_has_caught_up() {
    let (mut connection, client) = pair();
    let record = [b'r'; 4000];
    for wants_error in [true, false] {
        while connection.offer_record(&record, wants_error) {}
        let mut byte = [0; 5000];
        assert!(rustix::io::read(&client, &mut byte).is_ok());
        assert_eq!(connection.offer_record(&record, wants_error), !wants_error, "{wants_error}");
        assert_eq!([connection.take_overrun(), connection.take_overrun()], [wants_error, false]);
        assert!(reads(&client) > 10);
        assert!(connection.offer_record(&record, wants_error));
        assert_eq!(reads(&client), 1);
    }
}

#[test]
fn an_answer_that_can_never_be_sent_is_dropped_alone() {
    let (mut connection, client) = pair();
    connection.reply(vec![0; 64 << 20], 1);
    connection.reply(vec![b'b'; 10], 2);
    assert_eq!((connection.unsent_bytes(), reads(&client)), (0, 1));
}

#[test]
fn answers_to_nobody_are_dropped() {
    let (mut connection, client) = pair();
    fill(&mut connection);
    drop(client);
    crate::testing::eventually("its end", || {
        connection.flush();
        connection.unsent_bytes() == 0
    });
    assert!(connection.may_read());
    assert_eq!(connection.offer(b"x"), Delivery::Closed);
}

#[test]
fn what_is_not_to_be_read_makes_no_events_even_when_it_hangs_up() {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let waiting = || {
        let mut events = Vec::with_capacity(4);
        let none = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&none)).unwrap()
    };
    let holds: [fn(&mut Connection, bool); 2] = [Connection::set_paused, Connection::set_looking_up];
    for hold in holds {
        let (mut connection, client) = pair();
        connection.update_interest(&epoll, EndpointId(20)).unwrap();
        rustix::io::write(&client, b"message").unwrap();
        assert_eq!(waiting(), 1);
        hold(&mut connection, true);
        connection.update_interest(&epoll, EndpointId(20)).unwrap();
        assert_eq!(waiting(), 0);
        drop(client);
        assert_eq!(waiting(), 0);
        hold(&mut connection, false);
        connection.update_interest(&epoll, EndpointId(20)).unwrap();
        assert_eq!(waiting(), 1);
        connection.unregister(&epoll);
        assert_eq!(waiting(), 0);
    }
}
