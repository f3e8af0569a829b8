//! The attacks, and what each has to reach so that it has shown something.

/// What the quiet client is looked at beside, so that what two busy processors do to everybody is told apart.
#[derive(Debug, Clone, Copy)]
pub enum Beside {
    /// An ordinary service that is asked as often and takes as much.
    Service,
    /// The same, by clients that start a process for each request, and each the next one when the last one has ended.
    Crowd,
    /// The attack itself, without audit: what `hostile-container` has by that name.
    Program(&'static str),
}

/// One kind of attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// As `hostile-container` knows it.
    pub name: &'static str,
    /// So often must it succeed, or it has shown nothing.
    pub at_least: u64,
    /// What the supervisor's allocator may keep after each, in KiB.
    pub kept: u64,
    /// So many namespaces inside must there be, one after the other or at once.
    pub made: u64,
    /// So many of them must there be at once.
    pub at_once: usize,
    /// One must be so deep inside.
    pub depth: usize,
    /// Whoever knows the tasks of the host is killed meanwhile.
    pub kills_membership: bool,
    /// What times are compared with.
    pub beside: Beside,
}

/// What the allocator keeps of a namespace that has held all it may, in KiB: each namespace has a thread, and threads have
/// sixteen heaps on two processors, which are used again and not given back.
const KEPT_OF_MUCH: u64 = 64 * 1024;
/// Of full queues of all namespaces that there may be inside. Seen: 6 MiB for each of the first seven attacks, and no more.
const KEPT_OF_QUEUES: u64 = 16 * 1024;

impl Attack {
    const fn new(name: &'static str, at_least: u64) -> Self {
        Self {
            name,
            at_least,
            kept: 0,
            made: 0,
            at_once: 0,
            depth: 0,
            kills_membership: false,
            beside: Beside::Service,
        }
    }

    const fn nested(name: &'static str, at_least: u64, made: u64) -> Self {
        Self { made, ..Self::new(name, at_least) }
    }
}

/// 64 processes send as fast as they can.
pub const FLOODS: Attack = Attack::new("floods", 1000);
/// 64 processes open sockets until there are no more.
pub const SOCKETS: Attack = Attack::new("sockets", 300);
/// An audit daemon registers and never reads.
pub const UNREAD_DAEMON: Attack = Attack::new("unread-daemon", 100);
/// Answers are asked for and read a byte now and then.
pub const SLOW_RECEIVERS: Attack = Attack { kept: KEPT_OF_MUCH, ..Attack::new("slow-receivers", 200) };
/// Rules with all fields and the longest texts, true ones and lies.
pub const GIANT_RULES: Attack = Attack { kept: KEPT_OF_MUCH, ..Attack::new("giant-rules", 100) };
/// Sixteen processes change everything that can be set.
pub const SETTINGS: Attack = Attack::new("settings", 300);
/// Sockets are copied, also to reserved numbers, and passed on.
pub const PASSING: Attack = Attack::new("passing", 100);
/// `SCM_CREDENTIALS` of others.
pub const CREDENTIALS: Attack = Attack::new("credentials", 1000);
/// Callers are stopped, and traced through their calls.
pub const TRACING: Attack = Attack::new("tracing", 50);
/// Callers are killed within their calls.
pub const KILLING: Attack = Attack::new("killing", 100);
/// Processes with one number and different users.
pub const REUSE: Attack = Attack::new("reuse", 10);
/// `/proc` is mounted over, and links in it are exchanged.
pub const FALSE_PROC: Attack = Attack::new("false-proc", 50);
/// Names and texts that are lines and terminal sequences, also of whoever makes a namespace.
pub const NAMES: Attack = Attack { at_once: 1, depth: 1, ..Attack::nested("names", 160, 1) };

/// As many namespaces inside as there may be, all the time.
pub const NEST_LIMITS: Attack =
    Attack { at_once: super::NESTED_MOST, depth: 1, ..Attack::nested("nest-limits", 16, 16) };
/// 64 processes make them at once and end.
pub const NEST_CROWD: Attack = Attack { beside: Beside::Crowd, ..Attack::nested("nest-crowd", 16, 16) };
/// Processes are killed while they move.
pub const NEST_KILLED: Attack = Attack::nested("nest-killed", 50, 2);
/// One inside the other.
pub const NEST_DEPTH: Attack = Attack {
    at_once: super::NESTED_DEEPEST,
    depth: super::NESTED_DEEPEST,
    ..Attack::nested("nest-depth", 8, 8)
};
/// 64 processes in sixteen of them send as fast as they can.
pub const NEST_FLOODS: Attack = Attack {
    at_once: super::NESTED_MOST,
    depth: 1,
    kept: KEPT_OF_QUEUES,
    ..Attack::nested("nest-floods", 1000, 16)
};
/// Sockets go around between a namespace, those inside it, and their siblings, while more are made.
pub const NEST_PASSING: Attack = Attack { at_once: 2, depth: 1, ..Attack::nested("nest-passing", 100, 8) };
/// In each an audit daemon registers and never reads.
pub const NEST_DAEMONS: Attack = Attack {
    at_once: super::NESTED_MOST,
    depth: 1,
    kept: KEPT_OF_QUEUES,
    ..Attack::nested("nest-daemons", 100, 16)
};
/// Members end while they wait for a full queue.
pub const NEST_WAITED: Attack = Attack { kept: KEPT_OF_QUEUES, ..Attack::nested("nest-waited", 8, 8) };
/// `SCM_CREDENTIALS` of members of other namespaces of the same family.
pub const NEST_LIES: Attack = Attack { at_once: 4, depth: 1, ..Attack::nested("nest-lies", 1000, 4) };
/// Threads make threads and processes while they are moved.
pub const NEST_THREADS: Attack = Attack::nested("nest-threads", 4, 4);
/// Some twenty thousand processes that end at once, half of them in namespaces inside.
pub const FORK_BOMB: Attack = Attack {
    at_once: 4,
    depth: 1,
    beside: Beside::Program("silent-bomb"),
    ..Attack::nested("fork-bomb", 1000, 8)
};
/// Whoever knows tasks is killed while namespaces are made.
pub const NEST_UNSETTLED: Attack =
    Attack { kills_membership: true, ..Attack::nested("nest-unsettled", 4, 4) };
