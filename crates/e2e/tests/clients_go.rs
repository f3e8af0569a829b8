//! Audit clients in Go: two libraries as Debian has them, and the calls of two agents. Go takes a socket's address apart by
//! its family, so that these see every difference from a netlink socket.

use auditns_e2e::clients::Client;

#[test]
fn mdlayher_netlink() {
    Client::new("go/mdlayher").check();
}

#[test]
fn vishvananda_netlink() {
    Client::new("go/vishvananda").check();
}

#[test]
fn elastic_go_libaudit() {
    Client::new("go/go-libaudit-calls").check();
}

#[test]
fn slackhq_go_audit() {
    Client::new("go/go-audit-calls").check();
}
