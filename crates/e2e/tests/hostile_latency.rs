//! For how long others wait for their acknowledgements while the root of a container is hostile, compared with an ordinary
//! program that takes as much of the processors. See `docs/testing.md`.

use std::sync::{Mutex, PoisonError};

use auditns_e2e::container::Mode;
use auditns_e2e::hostile::{self, Arena, Attack};

/// Of the attacks that share an arena.
fn in_an_arena(name: &str, compare: impl Fn(&Arena, Mode)) {
    // Others would disturb the times.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let arena = Arena::new(name);
    for mode in [Mode::User, Mode::Init] {
        compare(&arena, mode);
    }
    arena.finish();
}

fn compare(attack: Attack) {
    in_an_arena(attack.name, |arena, mode| arena.compare(attack, mode));
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn a_supervisor_that_is_held_up_is_noticed() {
    in_an_arena("held-up", |arena, mode| arena.compare_held_up(hostile::FLOODS, mode));
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn floods_of_64_processes() {
    compare(hostile::FLOODS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn sockets_until_there_are_no_more() {
    compare(hostile::SOCKETS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn an_audit_daemon_that_never_reads() {
    compare(hostile::UNREAD_DAEMON);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn answers_that_nobody_reads() {
    compare(hostile::SLOW_RECEIVERS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn rules_as_large_as_they_get() {
    compare(hostile::GIANT_RULES);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn settings_that_change_all_the_time() {
    compare(hostile::SETTINGS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn sockets_that_are_copied_and_passed_around() {
    compare(hostile::PASSING);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn senders_that_lie_about_themselves() {
    compare(hostile::CREDENTIALS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn callers_that_are_stopped_and_traced() {
    compare(hostile::TRACING);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn callers_that_are_killed() {
    compare(hostile::KILLING);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn processes_with_one_number() {
    compare(hostile::REUSE);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn mounts_over_proc() {
    compare(hostile::FALSE_PROC);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn names_that_are_lines_and_sequences() {
    compare(hostile::NAMES);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn as_many_namespaces_inside_as_there_may_be() {
    compare(hostile::NEST_LIMITS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn namespaces_made_by_64_processes_at_once() {
    compare(hostile::NEST_CROWD);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn processes_killed_while_they_move() {
    compare(hostile::NEST_KILLED);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn namespaces_inside_each_other_as_deep_as_may_be() {
    compare(hostile::NEST_DEPTH);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn floods_from_sixteen_namespaces_inside() {
    compare(hostile::NEST_FLOODS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn sockets_that_go_around_while_namespaces_are_made() {
    compare(hostile::NEST_PASSING);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn an_audit_daemon_that_never_reads_in_each_namespace_inside() {
    compare(hostile::NEST_DAEMONS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn senders_that_lie_about_their_namespace() {
    compare(hostile::NEST_LIES);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn members_that_end_while_they_wait() {
    compare(hostile::NEST_WAITED);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn threads_that_fork_while_they_move() {
    compare(hostile::NEST_THREADS);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn processes_that_end_at_once_by_thousands() {
    compare(hostile::FORK_BOMB);
}

#[test]
#[ignore = "compares times: cargo test -p auditns-e2e --test hostile_latency -- --ignored"]
fn namespaces_made_while_whoever_knows_tasks_is_killed() {
    compare(hostile::NEST_UNSETTLED);
}
