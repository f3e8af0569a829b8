use super::*;
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// A turn of the main thread that waits for nothing, and takes no calls.
pub(in crate::server) fn turn_once(server: &mut Server<'_>) {
    let mut waiting = Waiting::new(Arc::clone(server.watchers.main()));
    let events = waiting.wait(Some(Duration::ZERO)).unwrap();
    server.begin_turn(Returned::default());
    server.endpoints_ready(events);
    let returned = server.end_turn().send();
    server.take_back(returned);
}

use crate::server::tests::{endpoint, get, with_server_for};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const LIMIT: Duration = Duration::from_secs(20);

/// A message that asks for an acknowledgement.
fn acknowledged() -> [u8; 16] {
    let mut message = get();
    message[6..8].copy_from_slice(&5_u16.to_ne_bytes());
    message
}

/// Sends a message and waits for everything that it is answered.
fn exchange(client: &OwnedFd) {
    rustix::io::write(client, &acknowledged()).unwrap();
    let mut buffer = [0; 100];
    for expected in [36, 60] {
        let begin = Instant::now();
        let length = loop {
            match rustix::io::read(client, &mut buffer) {
                Ok(length) => break length,
                Err(Errno::AGAIN) if begin.elapsed() < LIMIT => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(length, expected, "the acknowledgement is first");
    }
}

#[test]
fn busy_clients_get_workers_that_end_when_they_rest() {
    const CLIENTS: usize = 4;
    with_server_for(|mut server| {
        let several = server.watchers.placement().is_some();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let pair = server.sockets.take(true).unwrap().pair;
            endpoint(&mut server, pair.server, true);
            clients.push(pair.client);
        }
        let (busy, over) = (AtomicBool::new(true), AtomicBool::new(false));
        let serving = Serving::new(server);
        let workers = || serving.lock().watchers.all().count() - 1;
        let until = |what: &str, holds: &dyn Fn() -> bool| {
            let begin = Instant::now();
            while !holds() {
                assert!(begin.elapsed() < LIMIT, "{what}");
                thread::sleep(Duration::from_millis(5));
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                serving.run(|main| {
                    while !over.load(Ordering::Relaxed) {
                        main.turn(Some(Duration::from_millis(50))).unwrap();
                    }
                    main.finish();
                });
            });
            let exchanging = clients.iter().map(|client| {
                scope.spawn(|| {
                    while busy.load(Ordering::Relaxed) {
                        exchange(client);
                    }
                })
            });
            let exchanging: Vec<_> = exchanging.collect();
            if several {
                until("there are no workers", &|| workers() > 0);
            }
            thread::sleep(Duration::from_millis(200));
            busy.store(false, Ordering::Relaxed);
            for client in exchanging {
                client.join().unwrap();
            }
            until("workers do not end", &|| workers() == 0);
            for client in &clients {
                exchange(client);
            }
            over.store(true, Ordering::Relaxed);
        });
        let server = serving.lock();
        assert!(server.connections.values().all(|connection| connection.watcher() == Watcher::Main));
        assert!(server.answers.state().is_empty());
    });
}
