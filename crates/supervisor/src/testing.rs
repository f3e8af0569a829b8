//! Processes for tests. All of these tests need root.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A user id that has no account.
pub(crate) const ORDINARY: u32 = 54321;

const LIMIT: Duration = Duration::from_secs(10);

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
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < LIMIT, "never came to be");
            assert_eq!(self.0.try_wait().unwrap(), None, "ended before its time");
            std::thread::sleep(Duration::from_millis(2));
        }
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
