//! Sockets that are not of audit: apt, git and ssh use hundreds of them beside clients of audit, and the filter stops
//! no call on any. What was called and what was stopped is counted by strace and by the kernel, not by auditns.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use auditns_e2e::container::{Container, Mode, Outcome};
use auditns_e2e::log::Record;
use auditns_e2e::strace::{self, Call, Stop, Trace};

/// The steps of `scripts/other-sockets.sh`.
const STEPS: [&str; 21] = [
    "useradd",
    "apt-update",
    "apt-install",
    "apt-installed",
    "git-clone",
    "git-commit",
    "git-push",
    "git-clone-again",
    "git-commit-more",
    "git-push-more",
    "git-pull",
    "git-log",
    "ssh",
    "scp",
    "sftp",
    "copied",
    "ssh-init",
    "ssh-push",
    "ssh-clone",
    "auditctl",
    "client",
];

/// Where members find their audit sockets, and where also what they receive is stopped.
const RESERVED: RangeInclusive<u32> = 832..=895;
const STRICT: RangeInclusive<u32> = 864..=895;

/// Calls that are stopped on audit sockets.
const STOPPED: [&str; 8] =
    ["bind", "connect", "listen", "shutdown", "getsockname", "getpeername", "setsockopt", "getsockopt"];

/// Calls on numbers from [`STRICT`] that are stopped, too.
const STOPPED_IF_STRICT: [&str; 2] = ["recvfrom", "recvmsg"];

/// Calls with these are stopped, as an audit daemon may ask who sent them.
const SIGNALS: [&str; 4] = ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTERM"];

/// A namespace whose script has run to its end below strace.
struct Counted {
    outcome: Outcome,
    trace: Trace,
    /// The audit sockets that members opened: thread and number.
    opened: Vec<(u32, u32)>,
    /// The END record.
    end: Record,
}

impl Counted {
    fn run(name: &str, script: &str) -> Self {
        let container = Container::served(name, Mode::User);
        let folder = container.dir().folder("strace");
        let words = strace::words(&folder);
        let container = container.wrapper(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let outcome = container.run(script, &[], Duration::from_secs(120));
        let end = container.namespace().log().records.pop();
        let end = end.filter(|record| record.has("op=stop"));
        let end = end.unwrap_or_else(|| panic!("no record of the end: {}", outcome.finished.report()));
        let supervisor = end.field("pid").and_then(|pid| pid.parse().ok());
        let trace = Trace::read(&folder, supervisor.expect("the record names auditns"));
        let opened = trace.members.iter().filter(|call| call.asks_for_audit());
        let opened = opened.filter_map(|call| Some((call.thread, call.result()?))).collect();
        Self { outcome, trace, opened, end }
    }

    /// A number of the END record.
    fn shown(&self, field: &str) -> Option<usize> {
        self.end.field(field)?.parse().ok()
    }

    /// Whether audit explains that a call is stopped.
    fn explains(&self, call: &Call) -> bool {
        let on_audit =
            call.descriptor().filter(|descriptor| self.opened.contains(&(call.thread, *descriptor)));
        call.asks_for_audit()
            || call.signal().is_some_and(|signal| SIGNALS.contains(&signal))
            || on_audit.is_some() && STOPPED.contains(&&*call.name)
            || on_audit.is_some_and(|number| STRICT.contains(&number))
                && STOPPED_IF_STRICT.contains(&&*call.name)
    }

    /// The calls that audit explains, sorted.
    fn explained(&self) -> Vec<Stop> {
        self.stops(|call| self.explains(call))
    }

    /// Those of them that nothing interrupted, sorted: they must have been received.
    fn completed(&self) -> Vec<Stop> {
        self.stops(|call| self.explains(call) && !call.is_interrupted())
    }

    fn stops(&self, which: impl Fn(&Call) -> bool) -> Vec<Stop> {
        let calls = self.trace.members.iter().filter(|call| which(call));
        let mut stops: Vec<_> = calls.map(Call::as_stop).collect();
        stops.sort();
        stops
    }

    /// The calls that were stopped, sorted.
    fn received(&self) -> Vec<Stop> {
        let mut received = self.trace.received.clone();
        received.sort();
        received
    }

    /// Calls about sockets, and how many of them were stopped.
    fn sockets(&self) -> (usize, usize) {
        let made = self.trace.members.iter().filter(|call| call.is_about_sockets()).count();
        (made, self.trace.received.iter().filter(|stop| !stop.is_signal()).count())
    }

    fn summary(&self) -> String {
        let (made, stopped) = self.sockets();
        let numbers: BTreeSet<_> = self.opened.iter().map(|(_, number)| number).collect();
        format!(
            "{made} calls about sockets, {stopped} of them stopped, and {} signals: {} calls received, {} numbered by \
             the kernel, {} explained by audit ({} audit sockets at {numbers:?}, and signals), {} of them without interruption\n{}",
            self.trace.received.len() - stopped,
            self.trace.received.len(),
            self.trace.numbered,
            self.explained().len(),
            self.opened.len(),
            self.completed().len(),
            self.end.text
        )
    }
}

/// What is in the first list and not in the second. Both are sorted, and what is in one twice must be in both twice.
fn beyond<'a>(first: &'a [Stop], second: &[Stop]) -> Vec<&'a Stop> {
    let count = |list: &[Stop], stop: &Stop| {
        list.partition_point(|other| other <= stop) - list.partition_point(|other| other < stop)
    };
    let mut rest: Vec<_> = first.iter().filter(|stop| count(first, stop) > count(second, stop)).collect();
    rest.dedup();
    rest
}

fn lines(stops: &[&Stop]) -> String {
    stops.iter().fold(String::new(), |mut text, stop| {
        writeln!(text, "  {stop}").expect("a string takes everything");
        text
    })
}

#[test]
fn no_other_socket_is_stopped() {
    let counted = Counted::run("other-sockets", "other-sockets.sh");
    counted.outcome.expect(&STEPS.map(|step| (step, 0)));
    assert_eq!(counted.outcome.output("client"), "True True\n");
    let summary = counted.summary();
    println!("{summary}");
    let (received, explained, completed) = (counted.received(), counted.explained(), counted.completed());
    let stray = beyond(&received, &explained);
    assert!(stray.is_empty(), "{summary}\nstopped, and not on account of audit:\n{}", lines(&stray));
    let missed = beyond(&completed, &received);
    assert!(missed.is_empty(), "{summary}\nnot stopped, although of audit:\n{}", lines(&missed));
    assert!((completed.len()..=explained.len()).contains(&counted.trace.numbered), "{summary}");
    assert_eq!(
        ["stray_calls", "plain_sockets", "sockets"].map(|field| counted.shown(field)),
        [Some(0), Some(0), Some(counted.opened.len())],
        "{summary}"
    );

    // All of this would also hold where nothing happens.
    assert!(counted.opened.iter().all(|(_, number)| RESERVED.contains(number)), "{summary}");
    assert!(received.iter().any(|stop| stop.descriptor.is_some()), "{summary}");
    let (made, stopped) = counted.sockets();
    assert!(made > 500 && made > 10 * stopped, "{summary}");
    for name in STOPPED {
        let mut others = counted.trace.members.iter().filter(|call| !counted.explains(call));
        assert!(others.any(|call| call.name == name), "{name} on no other socket: {summary}");
    }
}

/// A member that puts a socket of its own at a reserved number is what the other test would find.
#[test]
fn a_socket_at_a_reserved_number_is_counted() {
    let counted = Counted::run("stray-socket", "stray-socket.sh");
    counted.outcome.expect(&[("stray", 0)]);
    let summary = counted.summary();
    let (received, explained) = (counted.received(), counted.explained());
    let stray = beyond(&received, &explained);
    assert!(
        !stray.is_empty()
            && stray.iter().all(|stop| stop.descriptor.is_some_and(|number| RESERVED.contains(&number))),
        "{summary}"
    );
    assert_eq!(counted.shown("stray_calls"), Some(received.len() - explained.len()), "{summary}");
    assert_eq!(counted.trace.numbered, received.len(), "{summary}");
}
