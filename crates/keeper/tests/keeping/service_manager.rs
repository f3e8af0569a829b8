//! A keeper that was itself started by a service manager.

use crate::world::{PATIENCE, World};
use rustix::process::Signal;
use std::os::unix::net::UnixDatagram;

fn notify_socket() -> (tempfile::TempDir, UnixDatagram) {
    let folder = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    (folder, socket)
}

fn next(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn the_service_manager_learns_how_the_server_is() {
    let (folder, socket) = notify_socket();
    let world = World::with(|command| {
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    });
    let mut server = world.server();
    server.does(&["pipe a 1", "ready serving", "confirm"]);
    assert_eq!(next(&socket), "READY=1\nSTATUS=serving\n");
    // A server that is replaced is no service that stops.
    world.signal(Signal::USR2);
    let mut server = world.server();
    server.does(&["ready again"]);
    assert_eq!(next(&socket), "READY=1\nSTATUS=again\n");
    world.signal(Signal::TERM);
    assert_eq!(next(&socket), "STOPPING=1");
    world.ended();
}

#[test]
fn a_service_manager_that_does_not_read_holds_nobody_up() {
    let (folder, socket) = notify_socket();
    let world = World::with(|command| {
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    });
    let mut server = world.server();
    for _ in 0..2000 {
        server.does(&["ready x"]);
    }
    server.does(&["pipe a 1", "confirm"]);
    server.kill();
    assert_eq!(world.server().names, ["a"]);
    assert!(next(&socket).starts_with("READY=1"));
    let (_, text) = world.end();
    assert!(text.contains("could not be told"), "{text}");
}

#[test]
fn nobody_who_reads_standard_error_is_waited_for() {
    let (_reader, writer) = std::io::pipe().unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let world = World::with(|command| {
        command.stderr(writer);
    });
    for _ in 0..3 {
        let mut server = world.server();
        server.does(&["ready x", "confirm"]);
        server.kill();
    }
    world.server();
    world.end();
}
