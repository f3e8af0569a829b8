//! What is kept arrives at the next server.

use crate::world::{World, kept, point_to};
use rustix::process::Signal;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz";

#[test]
fn descriptors_survive_servers_that_are_killed() {
    let world = World::new();
    let mut server = world.server();
    assert_eq!(server.names, [""; 0]);
    server.does(&["ready x", "listen zz", &format!("pipe hung-up {ALPHABET}"), "listen b", "confirm"]);
    let mut client = UnixStream::connect(world.path("zz")).unwrap();
    server.kill();
    for (round, byte) in (1..=20).zip(ALPHABET.chars()) {
        let mut server = world.server();
        assert_eq!((server.restarts, server.parent), (round, world.pid()));
        assert_eq!(server.names, ["zz", "hung-up", "b"]);
        assert_eq!(server.ask("byte hung-up"), byte.to_string());
        server.does(&["ready x", "confirm"]);
        server.kill();
    }
    client.write_all(b"waited all the time").unwrap();
    drop(client);
    let mut server = world.server();
    assert_eq!(server.ask("accept zz"), "waited all the time");
    world.end();
}

#[test]
fn what_a_server_said_before_it_was_killed_counts() {
    let world = World::new();
    for round in 0..10 {
        let mut server = world.server();
        assert_eq!(server.names.len(), round * 5);
        // The keeper cannot have read all of it.
        world.signal(Signal::STOP);
        for number in 0..5 {
            server.does(&[&format!("pipe {round}.{number} x")]);
        }
        server.does(&["ready x"]);
        server.kill();
        world.signal(Signal::CONT);
    }
    assert_eq!(world.server().names.len(), 50);
    world.end();
}

#[test]
fn what_is_given_up_is_gone() {
    let world = World::new();
    let mut server = world.server();
    server.does(&[
        "ready x", "pipe a 1", "pipe b 2", "pipe a 3", "pipe c 4", "forget a", "forget x", "confirm",
    ]);
    server.kill();
    assert_eq!(world.server().names, ["b", "c"]);
    world.end();
}

#[test]
fn many_descriptors_arrive() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["ready x", "many 3000 n%", "forget n0", "forget n1500", "pipe last abc", "confirm"]);
    server.kill();
    let mut server = world.server();
    assert_eq!(server.names.len(), 2999);
    assert_eq!((server.names[0].as_str(), server.names[2998].as_str()), ("n1", "last"));
    assert_eq!(server.ask("byte last"), "a");
    world.signal(Signal::USR2);
    let mut server = world.server();
    assert_eq!(server.names.len(), 2999);
    assert_eq!(server.ask("byte last"), "b");
    world.end();
}

#[test]
fn more_names_than_an_environment_takes_are_refused_and_said() {
    let world = World::new();
    let mut server = world.server();
    let name = "n".repeat(250);
    server.does(&["ready x", &format!("many 600 {name}%"), "confirm"]);
    server.kill();
    let server = world.server();
    // 10 names of 251 bytes, 90 of 252, the others of 253; with a colon each, and 131,057 in all.
    assert_eq!(server.names.len(), 10 + 90 + (131_057 - 10 * 252 - 90 * 253) / 254);
    let (_, text) = world.end();
    assert!(text.contains("use shorter names (64 times)"), "{text}");
}

#[test]
fn strangers_are_not_heard() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["ready x"]);
    assert_eq!(server.ask("stranger"), "exit status: 0");
    server.does(&["pipe a 1", "confirm"]);
    server.kill();
    assert_eq!(world.server().names, ["a"]);
    let (_, text) = world.end();
    assert!(text.contains("did not come from the server"), "{text}");
}

#[test]
fn programs_of_the_server_do_not_learn_of_the_keeper() {
    let world = World::new();
    assert_eq!(world.server().ask("variables"), "");
    world.end();
}

#[test]
fn a_new_version_takes_the_place_of_keeper_and_server() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["ready x", &format!("pipe p {ALPHABET}"), "listen l", "confirm"]);
    let copy = world.path("copy");
    // Not here: what another test starts meanwhile would hold it open for writing for a moment, and it could not be executed.
    assert!(Command::new("cp").arg(kept()).arg(&copy).status().unwrap().success());
    let inode = std::fs::metadata(&copy).unwrap().ino();
    point_to(&world.path("program"), &copy);
    let first = server.pid;
    for byte in ALPHABET.chars().take(5) {
        world.signal(Signal::USR2);
        server = world.server();
        assert_eq!((server.parent, server.names.join(":")), (world.pid(), "p:l".to_owned()));
        assert_eq!(server.ask("byte p"), byte.to_string());
        for pid in [world.pid(), server.pid] {
            assert_eq!(std::fs::metadata(format!("/proc/{pid}/exe")).unwrap().ino(), inode);
        }
        server.does(&["ready x", "confirm"]);
    }
    assert_ne!(server.pid, first);
    server.kill();
    assert_eq!(world.server().ask("byte p"), "f");
    assert_eq!(world.end().1.matches("cannot").count(), 0);
}

#[test]
fn a_keeper_that_cannot_be_replaced_goes_on() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["ready x", "pipe p abc", "confirm"]);
    point_to(&world.path("program"), Path::new("/nowhere"));
    world.signal(Signal::USR2);
    // The server cannot be started either, until the program is back.
    assert!(!world.is_server_coming(std::time::Duration::from_millis(300)));
    point_to(&world.path("program"), &kept());
    let mut server = world.server();
    assert_eq!((server.names.join(":"), server.ask("byte p")), ("p".to_owned(), "a".to_owned()));
    server.does(&["ready x", "pipe q abc", "confirm"]);
    server.kill();
    let mut server = world.server();
    assert_eq!((server.names.join(":"), server.ask("byte p")), ("p:q".to_owned(), "b".to_owned()));
    world.signal(Signal::USR2);
    let mut server = world.server();
    assert_eq!(server.ask("byte p"), "c");
    let (_, text) = world.end();
    assert!(text.contains("cannot be executed in the keeper's place"), "{text}");
}
