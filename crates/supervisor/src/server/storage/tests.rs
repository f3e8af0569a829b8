use super::*;
use crate::state::State;
use crate::testing;
use std::path::Path;

fn line(serial: u32, text: &str) -> Line<'_> {
    Line { serial, text, lifetime: false, in_doubt: false }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Failed,
    Recovered(u64),
    Else,
}

#[derive(Default)]
struct Ear(Vec<Told>);

impl Observer for Ear {
    fn observe(&mut self, event: &Event<'_>) {
        self.0.push(match event {
            Event::LogFailed { .. } => Told::Failed,
            Event::LogRecovered { missed, .. } => Told::Recovered(*missed),
            _ => Told::Else,
        });
    }
}

#[test]
fn a_disturbance_is_told_once_and_so_is_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later");
    let mut storage = Storage::new(LogFile::new(&path, Rotation::default()));
    let mut ear = Ear::default();
    for round in [0, 10] {
        for serial in round..round + 5 {
            assert_eq!(storage.store(line(serial, "lost"), &mut ear), Err(Errno::ENOENT));
        }
        std::fs::create_dir(&path).unwrap();
        for serial in round + 5..round + 10 {
            assert_eq!(storage.store(line(serial, "kept"), &mut ear), Ok(()));
        }
        std::fs::remove_dir_all(&path).unwrap();
    }
    let once = [Told::Failed, Told::Recovered(5)];
    assert!(ear.0.iter().eq(once.iter().chain(&once)), "{:?}", ear.0);
}

fn store(serial: u32) -> [Action; 2] {
    let line = |view| format!("{view} {serial} {}", "x".repeat(1000));
    [
        Action::Store { serial, line: line("host"), lifetime: false },
        Action::StoreInside { serial, line: line("inside") },
    ]
}

fn expected(view: &str, serials: impl Iterator<Item = u32>) -> String {
    let lines: Vec<String> =
        serials.map(|serial| format!("{view} {serial} {}\n", "x".repeat(1000))).collect();
    lines.concat()
}

/// A storage in that folder with a journal, and the memory of both.
fn journaled(folder: &Path) -> (State, Storage) {
    let state = State::create().unwrap();
    let journal = Arc::new(state.new_journal());
    let frame = testing::frame(folder);
    journal.snapshot(&(&testing::family(testing::config()), frame)).unwrap();
    (state, with_journal(folder, journal))
}

fn with_journal(folder: &Path, journal: Arc<Journal>) -> Storage {
    let mut storage = Storage::new(LogFile::new(folder, Rotation::default()));
    storage.set_inside(LogFile::named(folder, "namespace.log", Rotation::default()));
    storage.set_journal(journal, None);
    storage
}

fn store_inside(storage: &mut Storage, actions: &[Action]) {
    for action in actions {
        if let Action::StoreInside { serial, line } = action {
            storage.store_inside(*serial, line, &mut Ear::default());
        }
    }
    storage.write_later(&mut Ear::default());
}

#[test]
fn what_is_stored_ahead_is_stored_once_and_serial_numbers_may_begin_again() {
    let folder = tempfile::tempdir().unwrap();
    let (_state, mut storage) = journaled(folder.path());
    let serials = || (0..200_u32).map(|number| number.wrapping_sub(100));
    let actions: Vec<Action> = serials().flat_map(store).collect();
    storage.store_ahead(actions[..100].iter());
    storage.store_ahead(actions.iter());
    for action in &actions {
        match action {
            Action::Store { serial, line: text, .. } => {
                storage.store(line(*serial, text), &mut Ear::default()).unwrap();
            }
            Action::StoreInside { serial, line } => {
                storage.store_inside(*serial, line, &mut Ear::default());
            }
            other => panic!("{other:?}"),
        }
    }
    storage.write_later(&mut Ear::default());
    for (file, view) in [("audit.log", "host"), ("namespace.log", "inside")] {
        let found = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert_eq!(found, expected(view, serials()), "{file}");
    }
}

#[test]
fn a_piece_that_a_kill_has_cut_is_written_again_and_a_whole_one_is_not() {
    let actions: Vec<Action> = (1..=60).flat_map(store).collect();
    let whole = expected("host", 1..=60).len() as u64;
    for cut in [0, 1, 500, whole - 1, whole] {
        let folder = tempfile::tempdir().unwrap();
        let (state, mut storage) = journaled(folder.path());
        storage.store_ahead(actions[..10].iter());
        let before = expected("host", 1..=5).len() as u64;
        let log = folder.path().join("audit.log");
        store_inside(&mut storage, &actions[..10]);
        // The process is killed in the write of the host's log.
        let pieces = actions[10..].iter().filter(|action| matches!(action, Action::Store { .. }));
        storage.store_ahead(pieces);
        let journal = storage.noted.as_ref().map(|noted| Arc::clone(&noted.journal)).unwrap();
        journal.note_written(Log::Host, 5);
        std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(before.max(cut)).unwrap();

        let (journal, kept) = state.left().unwrap();
        let mut storage = with_journal(folder.path(), Arc::new(journal));
        storage.settle(kept.written, kept.write, actions.iter());
        storage.store_ahead(actions.iter());
        store_inside(&mut storage, &actions);
        let found = std::fs::read_to_string(&log).unwrap();
        assert_eq!(found, expected("host", 1..=60), "cut at {cut}");
        let inside = std::fs::read_to_string(folder.path().join("namespace.log")).unwrap();
        assert_eq!(inside, expected("inside", 1..=60), "cut at {cut}");
    }
}

#[test]
fn a_full_device_is_told_by_its_number() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.log");
    let (device, mode) = (rustix::fs::makedev(1, 7), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    let kind = rustix::fs::FileType::CharacterDevice;
    rustix::fs::mknodat(rustix::fs::CWD, &log, kind, mode, device).unwrap();
    let mut storage = Storage::new(LogFile::new(folder.path(), Rotation::default()));
    assert_eq!(storage.store(line(1, "line"), &mut Ear::default()), Err(Errno::ENOSPC));
}
