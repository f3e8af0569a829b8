//! What a policy settles.

use std::path::PathBuf;

/// The section `[supervisor]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Supervisor {
    pub(crate) log_folder: PathBuf,
    pub(crate) forward: Forward,
    pub(crate) priority_boost: u8,
}

impl Default for Supervisor {
    fn default() -> Supervisor {
        let log_folder = PathBuf::from("/var/log/auditns");
        Supervisor { log_folder, forward: Forward::None, priority_boost: 10 }
    }
}

/// Where each record of a namespace goes besides its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// Nowhere.
    None,
    /// To the audit of the host's kernel.
    Kernel,
}

impl Forward {
    pub(crate) const NAMES: [(&'static str, Forward); 2] =
        [("none", Forward::None), ("kernel", Forward::Kernel)];

    /// As the policy file has it.
    pub fn name(self) -> &'static str {
        match self {
            Forward::None => "none",
            Forward::Kernel => "kernel",
        }
    }
}

/// What becomes of a container that nobody could serve, because no supervisor answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// It is not started.
    #[default]
    Fail,
    /// It is started without a namespace.
    Skip,
}

impl OnMissing {
    pub(crate) const NAMES: [(&'static str, OnMissing); 2] =
        [("fail", OnMissing::Fail), ("skip", OnMissing::Skip)];

    /// As the policy file has it.
    pub fn name(self) -> &'static str {
        match self {
            OnMissing::Fail => "fail",
            OnMissing::Skip => "skip",
        }
    }
}

/// The section `[runtime]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Runtime {
    pub(crate) on_missing: OnMissing,
}

/// How many namespaces there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub namespaces: usize,
    /// Of each user other than root.
    pub namespaces_per_user: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { namespaces: 4096, namespaces_per_user: 64 }
    }
}

/// How much of its configuration is a namespace's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything: status, features, rules.
    Normal,
    /// Only the registration of an audit daemon.
    Strict,
}

impl Mode {
    pub(crate) const NAMES: [(&'static str, Mode); 2] = [("normal", Mode::Normal), ("strict", Mode::Strict)];

    /// As the policy file has it.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Normal => "normal",
            Mode::Strict => "strict",
        }
    }
}

/// What becomes of the login uid that the first member inherits, where whoever starts it does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loginuid {
    /// It is unset where the kernel allows that; else members have login uids of the namespace's own where that is possible.
    #[default]
    Auto,
    /// It is unset; where the kernel does not allow that, nothing is started.
    Reset,
    /// It stays, and members have login uids of the namespace's own; where that is not possible, nothing is started.
    Virtual,
    /// It stays.
    Keep,
}

impl Loginuid {
    pub(crate) const NAMES: [(&'static str, Loginuid); 4] = [
        ("auto", Loginuid::Auto),
        ("reset", Loginuid::Reset),
        ("virtual", Loginuid::Virtual),
        ("keep", Loginuid::Keep),
    ];

    /// As the policy file has it.
    pub fn name(self) -> &'static str {
        match self {
            Loginuid::Auto => "auto",
            Loginuid::Reset => "reset",
            Loginuid::Virtual => "virtual",
            Loginuid::Keep => "keep",
        }
    }

    /// By its name.
    pub fn named(name: &str) -> Option<Loginuid> {
        Loginuid::NAMES.iter().find(|(known, _)| *known == name).map(|(_, loginuid)| *loginuid)
    }
}

/// What one namespace gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Backlog limit at the start, in records; 0 leaves audit unavailable until the host raises it.
    pub backlog_limit: u32,
    /// Records a second that members may have stored; 0 is no limit.
    pub rate_limit: u32,
    /// Messages a second that are read of all members together; whoever sends more waits. 0 is no limit.
    pub read_rate: u32,
    /// How much of its configuration is the namespace's own.
    pub policy: Mode,
    /// What becomes of the login uid.
    pub loginuid: Loginuid,
    /// Most open audit sockets, [`crate::bounds::SOCKETS`].
    pub sockets: usize,
    /// Most rules that members may store, [`crate::bounds::RULES`].
    pub rules: usize,
    /// Most memory that queued records may take, in bytes, [`crate::bounds::QUEUE_BYTES`].
    pub queue_bytes: usize,
    /// Size in bytes from which a new log file is begun, [`crate::bounds::LOG_SIZE`].
    pub log_size: u64,
    /// Log files in all, the current one included, [`crate::bounds::LOG_FILES`].
    pub log_files: u32,
    /// Whether records are kept as the namespace sees them, too.
    pub inside_log: bool,
    /// Most namespaces that members may make inside at a time, [`crate::bounds::NESTED_NAMESPACES`].
    pub nested_namespaces: u32,
    /// How deep they may be inside each other, [`crate::bounds::NESTED_DEPTH`].
    pub nested_depth: u32,
    /// What one gets of the backlog limit of the namespace that it is made in, in percent; 0 leaves audit unavailable there
    /// until the host raises its limit.
    pub nested_share: u32,
    /// File names of programs that get netlink's addresses and control messages with what they receive; `*` at the end
    /// stands for any ending. At most [`crate::bounds::STRICT_CLIENTS`].
    pub strict_clients: Vec<String>,
}

/// The section `[defaults]`, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defaults {
    /// With the backlog limit of namespaces that root creates.
    pub(crate) settings: Settings,
    /// The backlog limit of those that other users create.
    pub(crate) unprivileged_backlog_limit: u32,
}

impl Default for Defaults {
    fn default() -> Defaults {
        let settings = Settings {
            backlog_limit: 64,
            rate_limit: 0,
            read_rate: 0,
            policy: Mode::Normal,
            loginuid: Loginuid::Auto,
            sockets: 4096,
            rules: 4096,
            queue_bytes: 16 << 20,
            log_size: 8 << 20,
            log_files: 5,
            inside_log: true,
            nested_namespaces: 16,
            nested_depth: 4,
            nested_share: 0,
            strict_clients: Vec::new(),
        };
        Defaults { settings, unprivileged_backlog_limit: 0 }
    }
}

impl Defaults {
    pub(crate) fn change(&mut self, changes: &Changes) {
        let Defaults { settings, unprivileged_backlog_limit } = self;
        set(&mut settings.backlog_limit, changes.backlog_limit);
        set(unprivileged_backlog_limit, changes.unprivileged_backlog_limit);
        set(&mut settings.rate_limit, changes.rate_limit);
        set(&mut settings.read_rate, changes.read_rate);
        set(&mut settings.policy, changes.policy);
        set(&mut settings.loginuid, changes.loginuid);
        set(&mut settings.sockets, changes.sockets);
        set(&mut settings.rules, changes.rules);
        set(&mut settings.queue_bytes, changes.queue_bytes);
        set(&mut settings.log_size, changes.log_size);
        set(&mut settings.log_files, changes.log_files);
        set(&mut settings.inside_log, changes.inside_log);
        set(&mut settings.nested_namespaces, changes.nested_namespaces);
        set(&mut settings.nested_depth, changes.nested_depth);
        set(&mut settings.nested_share, changes.nested_share);
        set(&mut settings.strict_clients, changes.strict_clients.clone());
    }
}

fn set<T>(target: &mut T, change: Option<T>) {
    if let Some(value) = change {
        *target = value;
    }
}

/// The keys that `[defaults]` and `[[namespace]]` share; what a file does not have stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) backlog_limit: Option<u32>,
    pub(crate) unprivileged_backlog_limit: Option<u32>,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) read_rate: Option<u32>,
    pub(crate) policy: Option<Mode>,
    pub(crate) loginuid: Option<Loginuid>,
    pub(crate) sockets: Option<usize>,
    pub(crate) rules: Option<usize>,
    pub(crate) queue_bytes: Option<usize>,
    pub(crate) log_size: Option<u64>,
    pub(crate) log_files: Option<u32>,
    pub(crate) inside_log: Option<bool>,
    pub(crate) nested_namespaces: Option<u32>,
    pub(crate) nested_depth: Option<u32>,
    pub(crate) nested_share: Option<u32>,
    pub(crate) strict_clients: Option<Vec<String>>,
}
