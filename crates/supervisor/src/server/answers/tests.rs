use super::*;
use crate::server::tests::{endpoint, with_server};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::mpsc::channel;

/// An endpoint and its member's end.
fn open(server: &mut Server<'_>) -> (EndpointId, OwnedFd) {
    let pair = server.sockets.take(true).unwrap().pair;
    (endpoint(server, pair.server, true), pair.client)
}

fn read(client: &OwnedFd) -> Result<u8, Errno> {
    let mut buffer = [0; 5000];
    rustix::io::read(client, &mut buffer).map(|_| buffer[0])
}

/// All that is there to be read.
fn read_all(client: &OwnedFd) -> Vec<u8> {
    std::iter::from_fn(|| read(client).ok()).collect()
}

/// Sends until there is no room; returns how many were sent.
fn fill(server: &mut Server<'_>, endpoint: EndpointId) -> usize {
    (0..100_000)
        .find(|_| server.deliver(endpoint, &[b'f'; 4000]) == auditns_core::Delivery::Full)
        .expect("there is a bound")
}

#[test]
fn answers_are_sent_when_the_lock_is_given_back_and_nothing_overtakes_them() {
    with_server(|server| {
        let (one, client) = open(server);
        let (other, other_client) = open(server);
        server.answers.gather();
        for answer in *b"abc" {
            server.reply(one, vec![answer]);
        }
        server.reply(other, vec![b'o']);
        assert_eq!(read(&client), Err(Errno::AGAIN), "they are gathered");
        assert_eq!(server.answers.state().len(), 4, "a snapshot has them");
        server.offer(server.namespace.root(), one, b"x");
        assert_eq!(read_all(&client), b"abcx");
        assert_eq!(read_all(&other_client), b"o");
        server.reply(one, vec![b'd']);
        let gathered = server.answers.take();
        server.reply(other, vec![b'p']);
        assert_eq!((read_all(&client), read_all(&other_client)), (vec![], b"p".to_vec()));
        let returned = gathered.send();
        assert_eq!(read_all(&client), b"d");
        server.take_back(returned);
        assert!(server.answers.state().is_empty());
        assert_eq!(server.answers.free.len(), 4, "all places are free");
    });
}

#[test]
fn a_socket_is_not_read_while_another_thread_answers_on_it() {
    with_server(|server| {
        let (one, client) = open(server);
        server.answers.gather();
        server.reply(one, vec![b'a']);
        let gathered = server.answers.take();
        rustix::io::write(&client, &crate::server::tests::get()).unwrap();
        let all = rustix::event::epoll::EventFlags::IN;
        server.endpoint_ready(one, all, true);
        assert_eq!(server.namespace.counters().datagrams, 0);
        let returned = gathered.send();
        server.endpoint_ready(one, all, true);
        assert_eq!(server.namespace.counters().datagrams, 1);
        server.take_back(returned);
    });
}

#[test]
fn answers_without_room_wait_in_order_whoever_has_the_lock() {
    for by_their_own_thread in [true, false] {
        with_server(|server| {
            let (one, client) = open(server);
            let filled = fill(server, one);
            server.answers.gather();
            for answer in *b"abc" {
                server.reply(one, vec![answer; 3000]);
            }
            let returned = server.answers.take().send();
            assert!(returned.is_urgent());
            if by_their_own_thread {
                server.take_back(returned);
                server.reply(one, vec![b'd']);
            } else {
                // The thread that has sent would have to wait for the lock.
                server.reply(one, vec![b'd']);
                server.take_back(returned);
            }
            assert!(server.answers.state().is_empty());
            assert_eq!(server.connections[&one].unsent_bytes(), server.unsent_bytes);
            assert_eq!(read_all(&client).len(), filled);
            server.with_answers(one, super::super::connection::Connection::flush);
            assert_eq!(read_all(&client), b"abcd");
        });
    }
}

#[test]
fn answers_beyond_the_places_are_sent_at_once_behind_those_before() {
    with_server(|server| {
        let (one, client) = open(server);
        server.answers.gather();
        server.reply(one, vec![b'a']);
        assert_eq!(read(&client), Err(Errno::AGAIN));
        // All others are taken.
        server.answers.on_their_way.resize(AnswerTable::PLACES as usize, None);
        server.reply(one, vec![b'b']);
        assert_eq!(read_all(&client), b"ab");
        assert_eq!(server.answers.on_their_way.len(), AnswerTable::PLACES as usize);
    });
}

#[test]
fn a_socket_is_closed_by_the_last_thread_that_is_told_to() {
    with_server(|server| {
        let (one, client) = open(server);
        let line = Arc::clone(server.connections[&one].line());
        let (tell, told) = channel();
        server.answers.gather();
        server.reply(one, vec![b'a']);
        let gathered = server.answers.take();
        drop(server.connections.remove(&one));
        let closing = thread::spawn(move || {
            Line::close(line);
            tell.send(()).unwrap();
        });
        assert!(told.recv_timeout(std::time::Duration::from_millis(50)).is_err(), "an answer is on its way");
        server.take_back(gathered.send());
        closing.join().unwrap();
        assert_eq!(read(&client), Ok(b'a'));
        crate::testing::eventually("closed", || rustix::io::read(&client, &mut [0; 8]) == Ok(0));
    });
}
