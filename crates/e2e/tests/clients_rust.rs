//! Audit clients in Rust.

use auditns_e2e::clients::Client;

#[test]
fn netlink_sys() {
    Client::new("rust/netlink-sys").check();
}

#[test]
fn audit() {
    Client::new("rust/audit").check();
}
