use super::*;

/// A turn of the main thread that waits for nothing, and takes no calls.
pub(in crate::server) fn turn_once(server: &mut Server<'_>) {
    let mut waiting = Waiting::new(Arc::clone(server.watchers.main()));
    let events = waiting.wait(Some(Duration::ZERO)).unwrap();
    server.begin_turn(Returned::default());
    server.endpoints_ready(events);
    let returned = server.end_turn().send();
    server.take_back(returned);
}
