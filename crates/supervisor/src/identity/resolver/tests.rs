use super::*;
use crate::testing::{Background, ORDINARY};
use rustix::thread::gettid;

fn owner() -> Owner {
    Owner::of_first_opener(gettid().as_raw_nonzero().get().cast_unsigned(), 0).unwrap()
}

fn own_pid() -> u32 {
    std::process::id()
}

fn credentials(pid: u32, uid: u32) -> Credentials {
    Credentials { pid, uid, gid: 0 }
}

fn may_nothing(sender: &Sender) -> bool {
    sender.capabilities == Capabilities::default()
}

#[test]
fn a_living_sender_has_its_own_capabilities_and_ids() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let opener = resolver.learn(own_pid(), &owner).unwrap();
    assert!(opener.is_privileged());
    let sender = resolver.sender(credentials(own_pid(), 0), &opener, &owner);
    assert_eq!(sender.capabilities, ALL);
    assert_eq!(sender.standing, Standing::Served);
    assert_eq!(sender.ids.host.pid, own_pid());
    assert_eq!(sender.process, opener.process());
    assert!(sender.in_owner_pid_namespace);
}

#[test]
fn a_socket_that_an_unprivileged_process_opened_grants_nobody_anything() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let ordinary = Background::ordinary(&["sleep", "60"]);
    let opener = resolver.learn(ordinary.pid(), &owner).unwrap();
    assert!(!opener.is_privileged());
    let sender = resolver.sender(credentials(own_pid(), 0), &opener, &owner);
    assert!(may_nothing(&sender), "{sender:?}");
}

#[test]
fn what_a_process_gains_by_a_set_user_id_program_does_not_count_for_what_it_sent_before() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let opener = resolver.learn(own_pid(), &owner).unwrap();
    let mut climber = Background::ordinary(&["sh", "-c", "read go; exec su -c true"]);
    let pid = climber.pid();
    resolver.learn(pid, &owner).unwrap();
    climber.say("go");
    climber.until(|| auditns_sys::identity::capabilities::of(pid).unwrap().effective.0 != 0);
    let sender = resolver.sender(credentials(pid, ORDINARY), &opener, &owner);
    assert!(may_nothing(&sender), "{sender:?}");
    let sender = resolver.sender(credentials(pid, ORDINARY), &opener, &owner);
    assert_eq!(sender.capabilities, ALL, "from now on it is what it is");
}

#[test]
fn a_child_that_sent_and_ended_counts_as_its_opener_if_it_had_the_same_user_id() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let opener = resolver.learn(own_pid(), &owner).unwrap();
    let gone = Background::new(&["sleep", "60"]).end();
    let sender = resolver.sender(credentials(gone, 0), &opener, &owner);
    assert_eq!((sender.ids.host.pid, sender.ids.namespace.pid), (gone, 0));
    assert_eq!(sender.capabilities, ALL);
    let sender = resolver.sender(credentials(gone, ORDINARY), &opener, &owner);
    assert!(may_nothing(&sender), "{sender:?}");
}

#[test]
fn a_known_process_that_ended_is_what_it_was_last() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let process = Background::new(&["sleep", "60"]);
    let opener = resolver.learn(process.pid(), &owner).unwrap();
    let gone = process.end();
    let sender = resolver.sender(credentials(gone, 0), &opener, &owner);
    assert_eq!(sender.capabilities, ALL);
    assert_eq!(sender.process, opener.process());
    assert_eq!(resolver.learn(gone, &owner).unwrap().process(), opener.process());
}

#[test]
fn a_process_with_another_user_id_than_the_sender_is_not_taken_for_it() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let opener = resolver.learn(own_pid(), &owner).unwrap();
    // As if an ordinary process had sent something, had ended, and root's had got its number.
    let successor = Background::new(&["sleep", "60"]);
    let sender = resolver.sender(credentials(successor.pid(), ORDINARY), &opener, &owner);
    assert!(may_nothing(&sender), "{sender:?}");
    assert_eq!(sender.ids.host.uid, ORDINARY);
    assert_ne!(sender.process.started, opener.process().started);
}

#[test]
fn a_user_namespace_of_ones_own_is_foreign_and_gains_nothing() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let mut process = Background::ordinary(&["sh", "-c", "read go; exec unshare -U sleep 60"]);
    let pid = process.pid();
    let opener = resolver.learn(pid, &owner).unwrap();
    let before = resolver.sender(credentials(pid, ORDINARY), &opener, &owner);
    assert!(before.standing == Standing::Served && may_nothing(&before), "{before:?}");
    process.say("go");
    process.until(|| {
        let now = resolver.sender(credentials(pid, ORDINARY), &opener, &owner);
        assert!(may_nothing(&now), "{now:?}");
        now.standing == Standing::Foreign
    });
}

#[test]
fn only_so_many_processes_are_remembered() {
    let (owner, mut resolver) = (owner(), Resolver::new(3));
    let processes: Vec<Background> = (0..6).map(|_| Background::new(&["sleep", "60"])).collect();
    for process in &processes {
        resolver.learn(process.pid(), &owner).unwrap();
        assert!(resolver.known.len() <= 3);
    }
    assert!(!resolver.known.contains_key(&processes[0].pid()));
    assert!(resolver.known.contains_key(&processes[5].pid()));
}

#[test]
fn nobody_is_nobody() {
    let (owner, mut resolver) = (owner(), Resolver::new(3));
    let opener = resolver.learn(own_pid(), &owner).unwrap();
    assert!(resolver.learn(0, &owner).is_err());
    // The kernel attests pid 0 for a sender in a pid namespace that is not below ours.
    let sender = resolver.sender(credentials(0, ORDINARY), &opener, &owner);
    assert!(may_nothing(&sender), "{sender:?}");
}

#[test]
fn a_thread_that_waits_has_its_own_capabilities() {
    let (owner, mut resolver) = (owner(), Resolver::new(8));
    let tid = || gettid().as_raw_nonzero().get().cast_unsigned();
    assert_eq!(resolver.waiter(tid(), &owner).unwrap().sender.capabilities, ALL);
    let (lesser, sender) = std::thread::spawn(move || {
        let mut sets = rustix::thread::capabilities(None).unwrap();
        sets.effective = rustix::thread::CapabilitySet::AUDIT_WRITE;
        rustix::thread::set_capabilities(None, sets).unwrap();
        let (owner, mut resolver) = (self::owner(), Resolver::new(8));
        let waiter = resolver.waiter(gettid().as_raw_nonzero().get().cast_unsigned(), &owner).unwrap();
        (waiter.effective, waiter.sender)
    })
    .join()
    .unwrap();
    assert_eq!(sender.capabilities, Capabilities { write: true, ..Capabilities::default() });
    assert!(lesser.has(Capability::AuditWrite) && !lesser.has(Capability::NetAdmin));
    assert_eq!(sender.process.pid, own_pid());
    assert!(resolver.waiter(0x3fff_fff0, &owner).is_err());
}
