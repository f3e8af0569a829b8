//! What can be done to the namespaces of a world, as plain data: a history is a list of steps.

/// What a namespace begins with.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// `backlog_limit` at the start; 0 closes the gate.
    pub backlog_limit: u32,
    /// Most bytes that queued records may take.
    pub queue_bytes: usize,
    /// Microseconds for which records wait for others.
    pub delivery_delay: u64,
    /// Whether the policy is strict.
    pub strict: bool,
    /// Whether records come a second time, for the namespace's own log.
    pub inside_log: bool,
}

/// One step of a history.
///
/// Namespaces, sockets and processes go by numbers that wrap around at what there is when the step is taken, so that a
/// history makes sense after steps were taken out of it.
#[derive(Clone, Debug)]
pub enum Step {
    /// Something happens to one namespace.
    In(usize, Act),
    /// Time passes, in microseconds, and every deadline is kept.
    Wait(u64),
    /// Time passes, in microseconds, while the supervisor is kept from running: deadlines pass unseen.
    Stall(u64),
    /// The wall clock is set, by so many milliseconds.
    SetClock(i64),
    /// Another supervisor takes over after so many more inputs and actions of each namespace.
    Restart(u32),
}

/// What happens to one namespace.
#[derive(Clone, Debug)]
pub enum Act {
    /// A process gets a socket.
    Open(u8),
    /// The last copy of a socket is closed.
    Close(u8),
    /// The last copy of a socket is closed, but the supervisor sees it only when time passes.
    Vanish(u8),
    /// A process ends, and with it its sockets.
    Exit(u8),
    /// A datagram is sent over a socket, by its owner or by another process that has inherited it.
    Send {
        /// The socket.
        socket: u8,
        /// The sender, if it is not the owner.
        heir: Option<u8>,
        /// What is in the datagram.
        messages: Vec<Message>,
    },
    /// The owner of a socket joins READLOG with it, or leaves.
    Listen(u8, bool),
    /// From now on a socket has room for so many records.
    Room(u8, u16),
    /// The supervisor is told that a socket has room, whether or not it has.
    Rouse(u8),
    /// The next stores fail or succeed as the bits say, the lowest first.
    FailStores(u8),
    /// The host sets the backlog limit.
    HostLimit(u32),
    /// The host sets the rate limit.
    HostRate(u32),
    /// The host sets the policy, strict or not.
    HostStrict(bool),
    /// The login uid of a process is set, or refused.
    Login(u8, bool),
    /// Somebody at the host lets a process in.
    LetIn,
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    /// What is asked for.
    pub ask: Ask,
    /// Whether it is to be acknowledged.
    pub asked: bool,
}

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A record of this type, with a text that is longer by so many bytes.
    Say(u16, u16),
    /// The status.
    Get,
    /// To be the audit daemon.
    Register,
    /// That another process be the audit daemon.
    RegisterOther,
    /// That there be no audit daemon.
    Unregister,
    /// Another value of a setting.
    Set(Setting, u32),
    /// The count of lost records, which begins anew.
    ResetLost,
    /// Something that is no request at all.
    Unknown(u16),
}

/// A field of the status that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// 0 off, 1 on, 2 on and locked.
    Enabled,
    /// 0 silent, 1 message, 2 panic.
    Failure,
    /// Records a second.
    RateLimit,
    /// Records in a queue.
    BacklogLimit,
    /// In jiffies.
    BacklogWaitTime,
}
