//! What kind of audit client opens a socket.

use super::executable::{self, Executable};
use std::collections::HashMap;

/// What a client looks at of what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// Length and port id of the address, as libaudit.
    Lenient,
    /// Family of the address, control messages: a netlink library.
    Strict,
}

/// Programs that are strict by the name of their file; `*` at the end stands for any ending.
const STRICT: [&str; 2] = ["systemd-journald", "python*"];

/// Executables of which it is remembered whether they are Go programs.
const REMEMBERED: usize = 1024;

/// Knows clients by their executables.
#[derive(Debug)]
pub(crate) struct Clients {
    strict: Vec<String>,
    /// Whether an executable is a Go program.
    known: HashMap<Executable, bool>,
}

impl Clients {
    /// `strict` names more programs, as [`STRICT`].
    pub(crate) fn new(strict: &[String]) -> Clients {
        let strict = STRICT.iter().map(|name| (*name).to_owned()).chain(strict.iter().cloned());
        Clients { strict: strict.collect(), known: HashMap::new() }
    }

    /// The kind of client that a thread is. `None` if its executable has to be read first
    /// ([`executable::read_executable`], [`Clients::learn`]).
    pub(crate) fn of(&self, tid: u32) -> Option<Client> {
        if executable::name(tid).is_some_and(|name| self.is_strict_name(&name)) {
            return Some(Client::Strict);
        }
        let Some(executable) = Executable::of(tid) else { return Some(Client::Lenient) };
        self.known.get(&executable).map(|is_go| kind(*is_go))
    }

    /// Remembers whether an executable is a Go program, and says what its processes are.
    pub(crate) fn learn(&mut self, executable: Executable, is_go: bool) -> Client {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(executable, is_go);
        kind(is_go)
    }

    fn is_strict_name(&self, name: &[u8]) -> bool {
        self.strict.iter().any(|strict| match strict.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning.as_bytes()),
            None => name == strict.as_bytes(),
        })
    }
}

fn kind(is_go: bool) -> Client {
    if is_go { Client::Strict } else { Client::Lenient }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_or_beginnings() {
        let clients = Clients::new(&["my-reader".to_owned(), "go-*".to_owned()]);
        for name in ["systemd-journald", "python3.11", "python", "my-reader", "go-audit", "go-"] {
            assert!(clients.is_strict_name(name.as_bytes()), "{name}");
        }
        for name in ["systemd-journal", "systemd-journald2", "pytho", "my-reader2", "auditctl", "", "*"] {
            assert!(!clients.is_strict_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn an_executable_is_read_once() {
        let own = std::process::id();
        let mut clients = Clients::new(&[]);
        assert_eq!(clients.of(own), None);
        let (executable, is_go) = executable::read_executable(own).unwrap();
        assert_eq!(clients.learn(executable.clone(), is_go), Client::Lenient);
        assert_eq!(clients.of(own), Some(Client::Lenient));
        assert_eq!(clients.learn(executable, true), Client::Strict);
        assert_eq!(clients.of(own), Some(Client::Strict));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut clients = Clients::new(&[]);
        for number in 0..3 * REMEMBERED as u64 {
            clients.learn(Executable::numbered(number), false);
            assert!(clients.known.len() <= REMEMBERED);
        }
    }

    #[test]
    fn a_process_that_is_gone_is_nobody_special() {
        assert_eq!(Clients::new(&[]).of(0x3fff_fff0), Some(Client::Lenient));
    }
}
