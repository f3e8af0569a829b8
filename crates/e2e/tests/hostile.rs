//! Containers whose root is hostile: in a user namespace and without one, whatever it does, the audit of others, the
//! supervisor and the kernel are as before. For how long others wait, `hostile_latency` compares.
//!
//! | variable | meaning |
//! |---|---|
//! | `AUDITNS_HOSTILE_SEED` | the seed of what the attackers leave to chance, the time otherwise |

use std::sync::{Mutex, PoisonError};

use auditns_e2e::container::Mode;
use auditns_e2e::hostile::{self, Arena, Attack};

fn withstand(attack: Attack) {
    // Each takes the machine for itself.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let arena = Arena::new(attack.name);
    for mode in [Mode::User, Mode::Init] {
        arena.withstand(attack, mode);
    }
    arena.finish();
}

#[test]
fn floods_of_64_processes() {
    withstand(hostile::FLOODS);
}

#[test]
fn sockets_until_there_are_no_more() {
    withstand(hostile::SOCKETS);
}

#[test]
fn an_audit_daemon_that_never_reads() {
    withstand(hostile::UNREAD_DAEMON);
}

#[test]
fn answers_that_nobody_reads() {
    withstand(hostile::SLOW_RECEIVERS);
}

#[test]
fn rules_as_large_as_they_get() {
    withstand(hostile::GIANT_RULES);
}

#[test]
fn settings_that_change_all_the_time() {
    withstand(hostile::SETTINGS);
}

#[test]
fn sockets_that_are_copied_and_passed_around() {
    withstand(hostile::PASSING);
}

#[test]
fn senders_that_lie_about_themselves() {
    withstand(hostile::CREDENTIALS);
}

#[test]
fn callers_that_are_stopped_and_traced() {
    withstand(hostile::TRACING);
}

#[test]
fn callers_that_are_killed() {
    withstand(hostile::KILLING);
}

#[test]
fn processes_with_one_number() {
    withstand(hostile::REUSE);
}

#[test]
fn mounts_over_proc() {
    withstand(hostile::FALSE_PROC);
}

#[test]
fn names_that_are_lines_and_sequences() {
    withstand(hostile::NAMES);
}

#[test]
fn as_many_namespaces_inside_as_there_may_be() {
    withstand(hostile::NEST_LIMITS);
}

#[test]
fn namespaces_made_by_64_processes_at_once() {
    withstand(hostile::NEST_CROWD);
}

#[test]
fn processes_killed_while_they_move() {
    withstand(hostile::NEST_KILLED);
}

#[test]
fn namespaces_inside_each_other_as_deep_as_may_be() {
    withstand(hostile::NEST_DEPTH);
}

#[test]
fn floods_from_sixteen_namespaces_inside() {
    withstand(hostile::NEST_FLOODS);
}

#[test]
fn sockets_that_go_around_while_namespaces_are_made() {
    withstand(hostile::NEST_PASSING);
}

#[test]
fn an_audit_daemon_that_never_reads_in_each_namespace_inside() {
    withstand(hostile::NEST_DAEMONS);
}

#[test]
fn senders_that_lie_about_their_namespace() {
    withstand(hostile::NEST_LIES);
}

#[test]
fn members_that_end_while_they_wait() {
    withstand(hostile::NEST_WAITED);
}

#[test]
fn threads_that_fork_while_they_move() {
    withstand(hostile::NEST_THREADS);
}

#[test]
fn processes_that_end_at_once_by_thousands() {
    withstand(hostile::FORK_BOMB);
}

#[test]
fn namespaces_made_while_whoever_knows_tasks_is_killed() {
    withstand(hostile::NEST_UNSETTLED);
}
