//! Tags.

use crate::world::World;
use auditns_bpf::{Start};
use std::process::Command;

#[test]
fn a_child_inherits() {
    let world = World::new();
    let mut child = Command::new("sleep").arg("100").spawn().unwrap();
    let moved = world.membership.move_thread_group(child.id(), Start::Any, 77).unwrap();
    println!("{moved:?} {:?}", world.membership.of_task(child.id()));
    println!("{:?} {:?}", world.membership.counts(), world.membership.tagged());
    child.kill().unwrap();
    child.wait().unwrap();
    println!("{:?}", world.emptied.recv_timeout(crate::world::PATIENCE));
    println!("{:?} {:?}", world.membership.counts(), world.membership.tagged());
}
