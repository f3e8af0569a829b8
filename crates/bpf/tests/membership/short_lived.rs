//! Processes that come and go by the thousands.

use crate::process::Process;
use crate::world::{World, patient};
use auditns_bpf::Start;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// Processes of one namespace that live at a time: `BATCH` of `examples/member.rs`.
const BATCH: usize = 50;
/// How many processes there are in all, unless `AUDITNS_SHORT_LIVED` says so.
const PROCESSES: usize = 4000;

/// Every other namespace is a nested one.
fn begin(world: &World, number: u64) -> (Process, u64) {
    let mut process = Process::filtered("batches");
    let listener = process.listener.as_ref().unwrap().as_fd();
    patient(|| world.membership.note_listener(listener, number));
    let namespace = if number.is_multiple_of(2) { number } else { 1000 + number };
    if namespace != number {
        patient(|| world.membership.move_thread_group(process.pid(), Start::Any, namespace));
    }
    process.begin();
    (process, namespace)
}

#[test]
fn no_answer_is_wrong() {
    let processes = std::env::var("AUDITNS_SHORT_LIVED").map_or(PROCESSES, |text| text.parse().unwrap());
    let world = World::new();
    let namespaces: Vec<(Process, u64)> = (1..=8).map(|number| begin(&world, number)).collect();
    let all: Vec<u64> = namespaces.iter().map(|(_, namespace)| *namespace).collect();
    let rounds = processes.div_ceil(namespaces.len() * BATCH);
    let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        // Counts are taken all the time.
        let membership = Arc::clone(&world.membership);
        let (all, over) = (&all, &over);
        let counts = scope.spawn(move || {
            let mut passes = 0;
            while !over.load(Ordering::Relaxed) {
                let counts = patient(|| membership.counts());
                let mut found: Vec<u64> = counts.iter().map(|count| count.namespace).collect();
                let mut expected = all.clone();
                found.sort_unstable();
                expected.sort_unstable();
                assert_eq!(found, expected);
                // Its first process is always there, and three batches at most while others are ending.
                assert!(
                    counts.iter().all(|count| (1..=3 * BATCH + 1).contains(&(count.processes as usize))),
                    "{counts:?}"
                );
                passes += 1;
            }
            passes
        });
        let threads: Vec<_> = namespaces
            .into_iter()
            .map(|(mut process, namespace)| {
                let (membership, asked) = (Arc::clone(&world.membership), &asked);
                scope.spawn(move || {
                    for _ in 0..rounds {
                        for _ in 0..BATCH {
                            let pid = process.next();
                            let member = patient(|| membership.of_task(pid));
                            let found = member.and_then(|member| member.namespace());
                            assert_eq!(found, Some(namespace), "process {pid}");
                            asked.fetch_add(1, Ordering::Relaxed);
                        }
                        process.begin();
                    }
                    // It stays until the others are done, and is counted.
                    process
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let passes = counts.join().unwrap();
        let ended: Vec<Process> = results.into_iter().map(Result::unwrap).collect();
        drop(ended);
        println!("{} processes, {passes} counts in {:?}", asked.load(Ordering::Relaxed), begun.elapsed());
    });
    assert!(asked.load(Ordering::Relaxed) >= processes);
    assert_eq!(patient(|| world.membership.losses()), auditns_bpf::Losses::default());
}
