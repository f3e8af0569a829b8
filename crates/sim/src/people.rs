//! The processes of a namespace. A process is its number: what it may do follows from that.

use auditns_core::{Capabilities, LoginSource, ProcessId, Sender, Standing, TaskDetails};
use auditns_wire::record::{Ids, TaskIds, Viewed};
use std::time::Duration;

/// How many there are in each namespace.
pub(crate) const PROCESSES: u8 = 10;

/// A process of the namespace with this number. Ids inside are the same in all namespaces, so that whatever is given to
/// the wrong one looks right to everything but the host.
pub(crate) fn process(contid: u64, number: u8) -> Sender {
    let number = u32::from(number % PROCESSES);
    let base = u32::try_from(contid).unwrap_or(u32::MAX) * 1000;
    let inside = Ids { pid: 20 + number, uid: number, auid: 1000 + number, ses: 1 + number };
    let host = Ids { pid: base + number, uid: 100_000 + base + number, auid: base + number, ses: 1 + number };
    let all = Capabilities { control: true, write: true, read: true };
    let capabilities = match number {
        6 => Capabilities { control: false, read: false, ..all },
        7 => Capabilities::default(),
        _ => all,
    };
    Sender {
        process: ProcessId { pid: host.pid, started: Duration::from_secs(u64::from(number)) },
        ids: Viewed { namespace: inside, host },
        own_pid: inside.pid,
        gid: 0,
        standing: if number == 9 { Standing::Foreign } else { Standing::Served },
        in_owner_pid_namespace: number != 8,
        capabilities,
        login: LoginSource::Kernel,
    }
}

/// What records of listeners show besides ids.
pub(crate) fn details() -> TaskDetails {
    let task = TaskIds::default();
    let (comm, exe) = (b"reader".to_vec(), Some(b"/bin/reader".to_vec()));
    TaskDetails { task: Viewed { namespace: task, host: task }, tty: b"(none)".to_vec(), comm, exe }
}
