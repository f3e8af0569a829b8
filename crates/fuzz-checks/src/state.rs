//! What OCI runtimes send to a seccomp agent with a listener.

use auditns_runtimes::labels::{FIELD_MAX, Labels, Wishes, relevant};
use auditns_runtimes::state::{ContainerProcessState, Incoming, Progress, StateError};

/// How a state is cut does not matter; one that is complete names a container and its listener within bounds, one that is
/// not is refused with a sentence.
pub fn state(bytes: &[u8]) {
    let whole = arrive([bytes]);
    for size in [1, 7, 64] {
        assert_eq!(arrive(bytes.chunks(size)), whole, "in pieces of {size} bytes");
    }
    match whole {
        Ok(Some(state)) => complete(state),
        Ok(None) => {}
        Err(error) => assert!(!error.to_string().chars().any(char::is_control)),
    }
}

/// The state, nothing while it is incomplete, or why it is none.
fn arrive<'b>(
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> Result<Option<ContainerProcessState>, StateError> {
    let mut incoming = Incoming::default();
    let mut received = 0;
    for piece in pieces {
        received += piece.len();
        match incoming.push(piece) {
            Ok(Progress::Incomplete) => assert_eq!(incoming.end(), StateError::CutShort { received }),
            Ok(Progress::Complete(state)) => {
                assert_eq!(incoming.push(b"{}"), Err(StateError::Ended));
                return Ok(Some(*state));
            }
            Err(error) => {
                assert_eq!(incoming.push(b"{}"), Err(StateError::Ended));
                return Err(error);
            }
        }
    }
    Ok(None)
}

fn complete(state: ContainerProcessState) {
    match state.seccomp_fd_index() {
        Ok(index) => assert_eq!(state.fds[index], "seccompFd"),
        Err(error) => assert_eq!(error, StateError::NoListener { count: state.fds.len() }),
    }
    let annotations = relevant(state.state.annotations);
    if let Err(error) = Wishes::parse(&annotations) {
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
    let labels = Labels::new(&state.state.id, &annotations);
    let name = labels.name();
    assert!((1..=64).contains(&name.len()), "{name}");
    assert!(name.starts_with(|first: char| first.is_ascii_alphanumeric()), "{name}");
    assert!(
        name.chars().all(|of| of.is_ascii_alphanumeric() || matches!(of, '.' | '_' | '-' | ':')),
        "{name}"
    );
    assert!(labels.fields().iter().all(|(_, value)| (1..=FIELD_MAX).contains(&value.len())));
}
