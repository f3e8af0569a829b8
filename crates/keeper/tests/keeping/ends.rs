//! How servers and keepers end, and when a server is started again.

use crate::world::{World, send};
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_never_served_is_started_again_more_and_more_slowly() {
    let world = World::new();
    let mut server = world.server();
    let begun = Instant::now();
    server.order("exit 1");
    for _ in 0..3 {
        world.server().order("exit 0");
    }
    server = world.server();
    assert!(begun.elapsed() >= Duration::from_millis(100 + 200 + 400 + 800), "{:?}", begun.elapsed());
    // Once one has served, the next one comes at once, unless the machine is busy just then.
    let comes_at_once = |_| {
        server.does(&["ready x"]);
        let begun = Instant::now();
        server.order("exit 0");
        server = world.server();
        begun.elapsed() < Duration::from_millis(1600)
    };
    assert!((0..5).any(comes_at_once), "the next one never comes at once");
    world.end();
}

#[test]
fn a_wrong_configuration_ends_the_keeper() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["pipe a 1", "confirm"]);
    server.order("exit 2");
    assert_eq!(world.ended().0, Some(2));
}

#[test]
fn a_wrong_configuration_loses_nothing_once_a_server_has_served() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["ready x", "pipe a 1", "confirm"]);
    server.order("exit 2");
    world.server().order("exit 2");
    let mut server = world.server();
    assert_eq!(server.names, ["a"]);
    server.does(&["confirm"]);
    // Not in a keeper that has begun with what was kept, either.
    world.signal(Signal::USR2);
    world.server().order("exit 2");
    assert_eq!(world.server().names, ["a"]);
    world.end();
}

#[test]
fn a_program_that_is_not_there_ends_the_keeper() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        std::process::Command::new(crate::world::kept()).arg("keeper").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.path().join("keeper").exists());
}

#[test]
fn told_to_end_the_keeper_ends_its_server_and_ends_as_it_does() {
    for signal in [Signal::TERM, Signal::INT] {
        let world = World::new();
        let server = world.server();
        let process = format!("/proc/{}", server.pid);
        world.signal(signal);
        let path = world.path("keeper");
        assert_eq!(world.ended().0, Some(128 + Signal::TERM.as_raw()));
        assert!(!Path::new(&process).exists() && !path.exists());
    }
}

#[test]
fn a_server_that_ended_before_the_keeper_saw_its_own_signal_is_not_started_again() {
    let world = World::new();
    let server = world.server();
    world.signal(Signal::STOP);
    // As whoever signals all processes of a group does, only slower.
    world.signal(Signal::TERM);
    send(server.pid, Signal::TERM);
    let ended = || std::fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap().contains(") Z ");
    while !ended() {
        std::thread::sleep(Duration::from_millis(1));
    }
    world.signal(Signal::CONT);
    let (status, said) = world.ended();
    assert_eq!(status, Some(128 + Signal::TERM.as_raw()));
    assert!(!said.contains("again"), "{said}");
}

#[test]
fn a_server_that_does_not_end_is_killed() {
    let world = World::new();
    let mut server = world.server();
    server.does(&["block SIGTERM"]);
    let begun = Instant::now();
    world.signal(Signal::TERM);
    // Asking again does not give it more time.
    std::thread::sleep(Duration::from_secs(5));
    world.signal(Signal::TERM);
    assert_eq!(world.ended().0, Some(128 + Signal::KILL.as_raw()));
    assert!((10..14).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn told_to_end_between_servers_the_keeper_ends() {
    let world = World::new();
    world.server().order("exit 1");
    for _ in 0..3 {
        world.server().order("exit 1");
    }
    let begun = Instant::now();
    // Most likely it waits now; if not, it ends the server.
    assert!(matches!(world.end().0, Some(0 | 1 | 143)));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_reload_is_passed_on_and_ends_a_wait() {
    let world = World::new();
    let mut server = world.server();
    world.signal(Signal::HUP);
    assert_eq!(server.line(), "reload");
    let mut took = Vec::new();
    for _ in 0..9 {
        let begun = Instant::now();
        let process = format!("/proc/{}", server.pid);
        server.order("exit 1");
        // The keeper waits once it has seen the end.
        while Path::new(&process).exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        world.signal(Signal::HUP);
        // It may be too early still, or so late that it ends the next server: each has time to come before another one.
        while !world.is_server_coming(Duration::from_secs(2)) {
            world.signal(Signal::HUP);
        }
        took.push(begun.elapsed());
        server = world.server();
    }
    // The last waits would take 3 seconds and more.
    assert!(took[5..].iter().any(|took| *took < Duration::from_secs(2)), "{took:?}");
    world.end();
}
