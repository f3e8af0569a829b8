//! What stands in a journal and in a snapshot.

use super::journal::Log;
use crate::identity::{Opener, OwnerFacts, Place};
use crate::keeping::KeptAs;
use crate::origin::Origin;
use crate::settings::Settings;
use auditns_core::{Answers, EndpointId, Family, Input, Now, OwnedInput, ProcessId, Sender};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Something that happened, as it is written.
#[derive(Debug, Serialize)]
pub(crate) enum Entry<'a> {
    /// The namespace took an input.
    Input(&'a Input<'a>, Now),
    /// An endpoint came to be.
    Connected(EndpointId, &'a ConnectionState),
    /// Paths of a datagram are being looked up.
    LookingUp(&'a LookingUp),
    /// The answer that was just taken up has to wait.
    Unsent(EndpointId, u64),
    /// The answer that was this action, and was on its way, has to wait.
    Returned(EndpointId, u64, u64, &'a [u8]),
    /// The first answer that waited is sent, or can never be.
    Flushed(EndpointId, u64),
    /// Answers that waited are dropped.
    Dropped(EndpointId),
    /// The member may have switched `SO_PASSCRED` on.
    CredentialsWanted(EndpointId),
    /// The endpoint has a large buffer.
    Raised(EndpointId),
    /// The namespace's owner is settled, or its maps are known.
    Owner(&'a OwnerFacts),
    /// There is one more listener.
    Listener(&'a ListenerState),
    /// Settings of the host changed.
    Settings(&'a Settings),
    /// The first member is this process, which started then.
    FirstMember(u32, u64),
    /// A member gets a file of a login user id or session.
    LoginFile(u64, LoginFileState),
    /// Nobody has that file open any more.
    LoginFileClosed(u64),
    /// A nested namespace took an input.
    InputOf(u64, &'a Input<'a>, Now),
    /// There is to be one more nested namespace.
    Nested(&'a NestedState),
    /// The id maps of a nested namespace's owner are known.
    NestedOwner(u64, &'a OwnerFacts),
    /// Settings of a nested namespace changed.
    NestedSettings(u64, &'a Settings),
    /// Records of a nested namespace up to this one are written.
    NestedWritten(u64, Log, u32),
}

/// The same, as it is read.
#[derive(Debug, Deserialize)]
pub(super) enum OwnedEntry {
    Input(OwnedInput, Now),
    Connected(EndpointId, ConnectionState),
    LookingUp(LookingUp),
    Unsent(EndpointId, u64),
    Returned(EndpointId, u64, u64, Vec<u8>),
    Flushed(EndpointId, u64),
    Dropped(EndpointId),
    CredentialsWanted(EndpointId),
    Raised(EndpointId),
    Owner(OwnerFacts),
    Listener(ListenerState),
    Settings(Settings),
    FirstMember(u32, u64),
    LoginFile(u64, LoginFileState),
    LoginFileClosed(u64),
    InputOf(u64, OwnedInput, Now),
    Nested(NestedState),
    NestedOwner(u64, OwnerFacts),
    NestedSettings(u64, Settings),
    NestedWritten(u64, Log, u32),
}

impl Entry<'_> {
    /// Whether the message in the inbox is in good hands with it.
    pub(super) fn handles_message(&self) -> bool {
        matches!(
            self,
            Entry::Input(Input::Datagram { .. }, _)
                | Entry::InputOf(_, Input::Datagram { .. }, _)
                | Entry::LookingUp(_)
        )
    }
}

/// A datagram whose paths are being looked up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LookingUp {
    /// Whose members have sent it.
    pub(crate) namespace: u64,
    pub(crate) endpoint: EndpointId,
    pub(crate) sender: Sender,
    pub(crate) bytes: Vec<u8>,
    pub(crate) answers: Answers,
}

/// A namespace that members have made inside another one, as far as the supervisor has to know of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NestedState {
    pub(crate) contid: u64,
    /// Of its first member, the one that has asked for it.
    pub(crate) origin: Origin,
    pub(crate) settings: Settings,
    pub(crate) owner: OwnerFacts,
    /// Its pid namespace is another one than its root's, and is kept.
    pub(crate) has_pid_namespace: bool,
}

/// A file of a login user id or session that a member has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginFileState {
    /// Whose member the task was when the file was opened.
    pub(crate) namespace: u64,
    /// It is that of the session.
    pub(crate) session: bool,
    /// The task whose file it is: a thread, and when it started.
    pub(crate) task: ProcessId,
    /// The thread's process.
    pub(crate) process: ProcessId,
}

/// A listener of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListenerState {
    pub(crate) number: u32,
    /// See [`auditns_sys::Launched::wait_killable`].
    pub(crate) wait_killable: bool,
    /// Where those are who get audit sockets. Anywhere, if nothing is said.
    pub(crate) place: Option<Place>,
    /// It is the first process of a container whose calls a proxy receives, and tells when that has ended.
    pub(crate) proxied: bool,
}

/// What is known of an endpoint besides its socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent of the others")]
pub(crate) struct ConnectionState {
    /// Inode number of the member's end.
    pub(crate) inode: u64,
    /// How our end is kept, if it is.
    pub(crate) kept_as: Option<KeptAs>,
    pub(crate) opener: Opener,
    pub(crate) refuses_descriptors: bool,
    pub(crate) raised: bool,
    pub(crate) credentials_wanted: bool,
    pub(crate) paused: bool,
    pub(crate) awaits_writable: bool,
    /// Answers that wait for room, and since when.
    pub(crate) unsent: VecDeque<Vec<u8>>,
    pub(crate) unsent_since: u64,
}

impl ConnectionState {
    /// Of a socket that was just made; `inode` is that of the member's end.
    pub(crate) fn new(
        inode: u64,
        kept_as: Option<KeptAs>,
        refuses_descriptors: bool,
        opener: Opener,
    ) -> ConnectionState {
        ConnectionState {
            inode,
            kept_as,
            opener,
            refuses_descriptors,
            raised: false,
            credentials_wanted: false,
            paused: false,
            awaits_writable: false,
            unsent: VecDeque::new(),
            unsent_since: 0,
        }
    }

    /// One more answer waits, since then.
    pub(crate) fn wait_with(&mut self, frame: Vec<u8>, since: u64) {
        if self.unsent.is_empty() {
            self.unsent_since = since;
        }
        self.unsent.push_back(frame);
    }
}

/// What a snapshot holds besides the namespaces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) origin: Origin,
    pub(crate) settings: Settings,
    pub(crate) connections: Vec<(EndpointId, ConnectionState)>,
    pub(crate) last_endpoint: u64,
    pub(crate) owner: Option<OwnerFacts>,
    pub(crate) listeners: Vec<ListenerState>,
    pub(crate) looking_up: Vec<LookingUp>,
    pub(crate) nested: Vec<NestedState>,
    pub(crate) login_files: Vec<(u64, LoginFileState)>,
    /// Answers that are on their way, by action.
    pub(crate) answers: Vec<(u64, EndpointId, Vec<u8>)>,
}

/// A snapshot to be written; it is read as a [`Family`] and a [`Frame`].
pub(crate) type Snapshot<'a> = (&'a Family, Frame);
