//! A keeper, and the orders to its servers.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) keeper: Child,
    folder: tempfile::TempDir,
    orders: UnixListener,
}

impl World {
    pub(crate) fn new() -> World {
        World::with(|_| {})
    }

    /// The keeper runs, and its first server is on its way.
    pub(crate) fn with(change: impl FnOnce(&mut Command)) -> World {
        let folder = tempfile::tempdir().unwrap();
        let orders = UnixListener::bind(folder.path().join("orders")).unwrap();
        let program = folder.path().join("program");
        std::os::unix::fs::symlink(kept(), &program).unwrap();
        let mut command = Command::new(&program);
        command.arg("keeper").arg(folder.path()).env_remove("NOTIFY_SOCKET").stderr(Stdio::piped());
        change(&mut command);
        World { keeper: command.spawn().unwrap(), folder, orders }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The next server.
    pub(crate) fn server(&self) -> Server {
        assert!(readable(&self.orders, PATIENCE), "no server came");
        let stream = self.orders.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut stream = BufReader::new(stream);
        let line = read_line(&mut stream);
        let (numbers, names) = line.rsplit_once(' ').unwrap();
        let numbers: Vec<i32> = numbers.split(' ').map(|number| number.parse().unwrap()).collect();
        let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let [pid, parent, restarts] = numbers.try_into().unwrap();
        Server { pid, parent, restarts, names, stream }
    }

    /// Whether a server comes within that time.
    pub(crate) fn is_server_coming(&self, within: Duration) -> bool {
        readable(&self.orders, within)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.keeper.id().cast_signed()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// Ends as a keeper does. Returns its status and what it wrote.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.keeper.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "the keeper does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let stderr = self.keeper.stderr.take();
        let text = stderr.map(|stderr| std::io::read_to_string(stderr).unwrap()).unwrap_or_default();
        (status.code(), text)
    }

    /// Ends it by SIGTERM.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        self.signal(Signal::TERM);
        self.ended()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // Of a test that has failed. Its server ends when it finds nobody to give orders.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

pub(crate) struct Server {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) restarts: i32,
    /// What it inherited.
    pub(crate) names: Vec<String>,
    stream: BufReader<UnixStream>,
}

impl Server {
    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.stream.get_mut(), "{order}").unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        read_line(&mut self.stream)
    }

    pub(crate) fn ask(&mut self, order: &str) -> String {
        self.order(order);
        self.line()
    }

    /// Gives orders that answer "done".
    pub(crate) fn does(&mut self, orders: &[&str]) {
        for order in orders {
            assert_eq!(self.ask(order), "done", "{order}");
        }
    }

    pub(crate) fn kill(self) {
        send(self.pid, Signal::KILL);
    }
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// The example program, which is built with the tests.
pub(crate) fn kept() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().and_then(Path::parent).unwrap().join("examples/kept");
    assert!(program.exists(), "build the examples: cargo build -p auditns-keeper --examples");
    program
}

pub(crate) fn readable(fd: impl AsFd, within: Duration) -> bool {
    let timeout = Timespec::try_from(within).unwrap();
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).unwrap() == 1
}

pub(crate) fn point_to(link: &Path, target: &Path) {
    let new = link.with_extension("new");
    std::os::unix::fs::symlink(target, &new).unwrap();
    fs::rename(new, link).unwrap();
}

fn read_line(stream: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the server has gone");
    line.trim_end_matches('\n').to_owned()
}
