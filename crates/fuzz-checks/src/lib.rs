//! What must hold for any bytes that members of a namespace, container runtimes, clients of the control interface and
//! administrators can send or write.
//!
//! A target is a name and a check that panics where something does not hold. `fuzz/` gives each of them to libFuzzer;
//! [`search`] plays mutations of the seeds below `fuzz/seeds` on any compiler, within `cargo test`.
// A panic is how a check says that something does not hold.
#![allow(clippy::missing_panics_doc)]

mod compact;
pub mod control;
pub mod lxc;
mod mutation;
pub mod namespace;
pub mod policy;
pub mod rule_parser;
mod search;
mod shrink;
pub mod state;
pub mod wire;

pub use search::{Failure, Search, search};

/// Something that is given bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As the fuzz target and the folder of its seeds are called.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub check: fn(&[u8]),
    /// What bytes are likely to mean something to it.
    pub words: &'static [&'static [u8]],
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "header", check: wire::header, words: NUMBERS },
    Target { name: "payload", check: wire::payload, words: NUMBERS },
    Target { name: "rule", check: wire::rule, words: NUMBERS },
    Target { name: "rule_parser", check: rule_parser::rule, words: NUMBERS },
    Target { name: "equivalence", check: wire::equivalence, words: NUMBERS },
    Target { name: "login_uid", check: wire::login_uid, words: DIGITS },
    Target { name: "text", check: wire::text, words: TEXT },
    Target { name: "namespace", check: namespace::namespace, words: NUMBERS },
    Target { name: "oci_state", check: state::state, words: JSON },
    Target { name: "lxc_frame", check: lxc::frame, words: NUMBERS },
    Target { name: "control", check: control::conversation, words: JSON },
    Target { name: "policy", check: policy::file, words: TOML },
];

const NUMBERS: &[&[u8]] = &[
    &[0, 0, 0, 0],
    &[1, 0, 0, 0],
    &[16, 0, 0, 0],
    &[0xff, 0xff, 0xff, 0xff],
    &[0, 0, 0, 0x40],
    &[0, 0, 0, 0x80],
    b"/etc/shadow",
    b"\0",
];
const DIGITS: &[&[u8]] =
    &[b"0", b"+", b"-", b"\n", b"\0", b" ", b"0x", b"4294967295", b"4294967296", b"18446744073709551616"];
const TEXT: &[&[u8]] = &[
    b"'",
    b"\"",
    b"\\x41",
    b"\n",
    b"\0",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xff",
    b"type=USER msg=audit(1.000:1): ",
];
const JSON: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"99999999999",
    b"1e400",
    b"\0",
    b"\xff",
    b"\"name\":\"a\"",
    b"\"pid\":1",
];
const TOML: &[&[u8]] = &[
    b"[defaults]\n",
    b"[limits]\n",
    b"[[namespace]]\n",
    b"backlog-limit = ",
    b"log-size = ",
    b"name = ",
    b"0x",
    b"'",
    b"\"\"\"",
    b"\\u0007",
    b"[",
    b"]",
    b"=",
    b"#",
    b"\n",
    b"\xff",
    b"18446744073709551616",
    b"-1",
    b"1K",
];
