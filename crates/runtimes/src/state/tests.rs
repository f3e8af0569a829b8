use super::*;
use proptest::prelude::*;

const RUNC: &[u8] = include_bytes!("../../tests/data/state-runc.json");
const CRUN_EXEC: &[u8] = include_bytes!("../../tests/data/state-crun-exec.json");

fn whole(bytes: &[u8]) -> ContainerProcessState {
    match Incoming::default().push(bytes).unwrap() {
        Progress::Complete(state) => *state,
        Progress::Incomplete => panic!("incomplete"),
    }
}

#[test]
fn what_runtimes_send_is_read() {
    let runc = whole(RUNC);
    assert_eq!((runc.pid, runc.state.pid, runc.seccomp_fd_index()), (4711, 4711, Ok(0)));
    assert_eq!(runc.metadata, "web");
    assert_eq!((runc.state.id.as_str(), runc.state.status.as_str()), ("c1", "creating"));
    assert_eq!(runc.state.bundle, PathBuf::from("/run/bundles/c1"));
    assert_eq!(runc.state.annotations["io.auditns.name"], "we\"b}");

    let crun = whole(CRUN_EXEC);
    assert_eq!((crun.pid, crun.state.pid, crun.state.id.as_str()), (0, 0, "c1"));
    assert_eq!((crun.version.as_str(), crun.state.bundle), ("0.2.0", PathBuf::from(".")));
}

#[test]
fn what_is_left_out_or_unknown_is_no_error() {
    let state = whole(br#" {"fds":["other","seccompFd"],"new":{"a":[{}]},"state":null,"metadata":null} "#);
    assert_eq!(state.seccomp_fd_index(), Ok(1));
    assert_eq!(state.state, State::default());
    assert_eq!(whole(b"{}"), ContainerProcessState::default());
    let message = whole(br#"{"fds":["a","b"]}"#).seccomp_fd_index().unwrap_err().to_string();
    assert!(message.contains("names 2 descriptors"), "{message}");
}

#[test]
fn a_state_is_complete_with_its_last_brace() {
    for piece in [1, 2, 7, 100] {
        let mut incoming = Incoming::default();
        let mut complete = None;
        for bytes in RUNC.trim_ascii_end().chunks(piece) {
            assert_eq!(complete, None, "complete too early");
            match incoming.push(bytes).unwrap() {
                Progress::Complete(state) => complete = Some(*state),
                Progress::Incomplete => {}
            }
        }
        assert_eq!(complete, Some(whole(RUNC)));
        assert_eq!(incoming.push(b"{}"), Err(StateError::Ended));
        assert_eq!(incoming.end(), StateError::Ended);
    }
    assert_eq!(whole(b"{}{\"pid\":1}"), ContainerProcessState::default(), "what follows is left out");
}

#[test]
fn what_is_no_state_is_refused_once() {
    for (bytes, error) in [
        (&b"[]"[..], StateError::NoObject { byte: b'[' }),
        (b"\n\x1b", StateError::NoObject { byte: 0x1b }),
        (b"{\"pid\":\"x\"}", StateError::Malformed { line: 1, column: 10 }),
        (b"{\n}}", StateError::Ended),
        (b"{,}", StateError::Malformed { line: 1, column: 2 }),
        (b"{\"a\":[}", StateError::Malformed { line: 1, column: 7 }),
        (b"{\"pid\":99999999999}", StateError::Malformed { line: 1, column: 18 }),
    ] {
        let mut incoming = Incoming::default();
        let first = incoming.push(bytes);
        if error != StateError::Ended {
            assert_eq!(first, Err(error), "{bytes:?}");
        }
        assert_eq!(incoming.push(b"{}"), Err(StateError::Ended));
    }
    let deep = [b"{\"a\":".repeat(100_000), b"}".repeat(100_000)].concat();
    assert!(matches!(Incoming::default().push(&deep), Err(StateError::Malformed { .. })));
}

#[test]
fn connections_that_end_early_say_how_far_they_came() {
    let mut incoming = Incoming::default();
    assert_eq!(incoming.end(), StateError::CutShort { received: 0 });
    assert_eq!(incoming.push(b"{\"pid\":1,"), Ok(Progress::Incomplete));
    assert_eq!(incoming.end(), StateError::CutShort { received: 9 });
}

#[test]
fn a_state_of_the_greatest_length_is_read_byte_by_byte_and_a_longer_one_refused() {
    let sized = |length: usize| {
        let frame = br#"{"metadata":""}"#;
        let mut bytes = br#"{"metadata":""#.to_vec();
        bytes.extend(b"}".repeat(length - frame.len()));
        bytes.extend(br#""}"#);
        bytes
    };
    let longest = sized(LONGEST);
    assert_eq!(longest.len(), LONGEST);
    let mut incoming = Incoming::default();
    let mut complete = 0;
    for byte in &longest {
        complete += usize::from(incoming.push(std::slice::from_ref(byte)).unwrap() != Progress::Incomplete);
    }
    assert_eq!(complete, 1);

    let mut incoming = Incoming::default();
    let outcome = sized(LONGEST + 1).chunks(1000).map(|bytes| incoming.push(bytes)).find(Result::is_err);
    assert_eq!(outcome, Some(Err(StateError::TooLong)));
    assert_eq!(incoming.push(b"}"), Err(StateError::Ended));
    assert_eq!(Incoming::default().push(&b" ".repeat(LONGEST + 1)), Err(StateError::TooLong));
    assert_eq!(Incoming::default().push(&b" ".repeat(LONGEST)), Ok(Progress::Incomplete));
}

proptest! {
    #[test]
    fn any_pieces_are_taken(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10)) {
        let mut incoming = Incoming::default();
        for piece in pieces {
            let _ = incoming.push(&piece);
        }
        let _ = incoming.end().to_string();
    }

    #[test]
    fn changed_states_are_taken(
        crun in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = if crun { CRUN_EXEC.to_vec() } else { RUNC.to_vec() };
        for (index, byte) in changes {
            let place = index.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(length.index(bytes.len()) + 1);
        let _ = Incoming::default().push(&bytes).map_err(|error| error.to_string());
    }
}
