//! Containers whose root is hostile: in a user namespace and without one, whatever it does, the audit of others, the
//! supervisor and the kernel are as before.
//!
//! | variable | meaning |
//! |---|---|
//! | `AUDITNS_HOSTILE_SEED` | the seed of what the attackers leave to chance, the time otherwise |

use std::sync::{Mutex, PoisonError};

use auditns_e2e::container::Mode;
use auditns_e2e::hostile::{Arena, Attack};

/// What the allocator keeps of a namespace that has held all it may, in KiB: each namespace has a thread, and threads have
/// sixteen heaps on two processors, which are used again and not given back.
const KEPT_OF_MUCH: u64 = 64 * 1024;

fn both(name: &'static str, at_least: u64) {
    withstand(Attack { name, at_least, kept: 0 });
}

fn withstand(attack: Attack) {
    // The tests measure times: one after the other.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let arena = Arena::new(attack.name);
    for mode in [Mode::User, Mode::Init] {
        arena.withstand(attack, mode);
    }
    arena.finish();
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn floods_of_64_processes() {
    both("floods", 1000);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn sockets_until_there_are_no_more() {
    both("sockets", 300);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn an_audit_daemon_that_never_reads() {
    both("unread-daemon", 100);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn answers_that_nobody_reads() {
    withstand(Attack { name: "slow-receivers", at_least: 200, kept: KEPT_OF_MUCH });
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn rules_as_large_as_they_get() {
    withstand(Attack { name: "giant-rules", at_least: 100, kept: KEPT_OF_MUCH });
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn settings_that_change_all_the_time() {
    both("settings", 300);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn sockets_that_are_copied_and_passed_around() {
    both("passing", 100);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn senders_that_lie_about_themselves() {
    both("credentials", 1000);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn callers_that_are_stopped_and_traced() {
    both("tracing", 50);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn callers_that_are_killed() {
    both("killing", 100);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn processes_with_one_number() {
    both("reuse", 10);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn mounts_over_proc() {
    both("false-proc", 50);
}

#[test]
#[ignore = "compares times, which a busy machine disturbs: cargo test -p auditns-e2e --test hostile -- --ignored"]
fn names_that_are_lines_and_sequences() {
    both("names", 80);
}
