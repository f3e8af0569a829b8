//! An audit client in Python, whose socket module shows everything that there is to see of a socket.

use auditns_e2e::clients::Client;

#[test]
fn python_socket() {
    Client::new("python").check();
}
