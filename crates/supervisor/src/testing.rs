//! Processes for tests. All of these tests need root.

use crate::log::Rotation;
use crate::origin::Origin;
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::state::Frame;
use auditns_core::{Config, Family, Namespace, Nesting, Policy};
use auditns_sys::Endpoints;
use auditns_wire::record::Ids;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Waits until a condition holds: children of other tests hold copies of descriptors until they execute something.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A user id that has no account.
pub(crate) const ORDINARY: u32 = 54321;

const LIMIT: Duration = Duration::from_secs(30);

/// A namespace with the kernel's defaults.
pub(crate) fn config() -> Config {
    Config {
        contid: 1,
        name: b"test".to_vec(),
        policy: Policy::Normal,
        backlog_limit: Config::BACKLOG_LIMIT,
        queue_bytes: Config::QUEUE_BYTES,
        starter: Ids { pid: 1, uid: 0, auid: Ids::UNSET, ses: Ids::UNSET },
        labels: Vec::new(),
        parents: Vec::new(),
        start_fields: Vec::new(),
        rules_max: Config::RULES_MAX,
        inside_log: false,
        delivery_delay: std::time::Duration::ZERO,
        own_logins: false,
    }
}

/// Sockets that are not kept.
pub(crate) fn sockets() -> Arc<Sockets> {
    Arc::new(Sockets::new(Endpoints::new(), 1, None, std::iter::empty()))
}

/// It alone, which members make nothing inside of.
pub(crate) fn family(config: Config) -> Family {
    Family::new(Namespace::new(config, crate::time::now()), Nesting::default())
}

/// Where it comes from.
pub(crate) fn origin(log_folder: &Path) -> Origin {
    Origin {
        index: 1,
        name: "test".to_owned(),
        container: None,
        labels: Vec::new(),
        runtime: "test".to_owned(),
        uid: 0,
        pid: 1,
        pid_started: 0,
        began: 0,
        served_before: 0,
        log_folder: log_folder.to_owned(),
    }
}

/// Of a namespace without sockets.
pub(crate) fn frame(log_folder: &Path) -> Frame {
    Frame {
        origin: origin(log_folder),
        settings: Settings { sockets: 2, ..settings() },
        connections: Vec::new(),
        last_endpoint: 16,
        owner: None,
        listeners: Vec::new(),
        looking_up: Vec::new(),
        nested: Vec::new(),
        login_files: Vec::new(),
        answers: Vec::new(),
    }
}

/// What the host has settled for it.
pub(crate) fn settings() -> Settings {
    Settings {
        rotation: Rotation::default(),
        inside_log: false,
        sockets: crate::server::limits::SOCKETS,
        read_rate: 0,
        strict_clients: Vec::new(),
    }
}

/// A process that ends with the value.
#[derive(Debug)]
pub(crate) struct Background(Child);

impl Background {
    /// Starts a program that executes at once whatever it waits in.
    pub(crate) fn new(words: &[&str]) -> Background {
        let child = Command::new(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Background(child.unwrap_or_else(|error| panic!("{words:?}: {error}")))
    }

    /// The same as a user without privileges.
    pub(crate) fn ordinary(words: &[&str]) -> Background {
        let user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "--inh-caps=-all"];
        let mut process = Background::new(&[&user, words].concat());
        let name = words[0].to_owned();
        let pid = process.pid();
        process.until(|| {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            comm.trim_end() == name || comm.trim_end() == "dash"
        });
        process
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        let input = self.0.stdin.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// Waits until something holds.
    pub(crate) fn until(&mut self, mut holds: impl FnMut() -> bool) {
        eventually("what is waited for of it", || {
            holds() || {
                assert_eq!(self.0.try_wait().unwrap(), None, "ended before its time");
                false
            }
        });
    }

    /// Ends it and waits for it. Returns its number, which nobody has for a while.
    pub(crate) fn end(mut self) -> u32 {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
        self.0.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
