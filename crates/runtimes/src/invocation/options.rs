//! The options of runc 1.1 to 1.5, crun 1.8 to 1.29 and youki.

/// What an option means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Stands alone.
    Flag,
    /// Takes a value.
    Value,
    /// crun takes a value if it is joined to the option, the others none.
    JoinedValue,
    /// Folder of the bundle.
    Bundle,
    /// File of the configuration.
    Configuration,
    /// Folder of the runtime.
    Root,
    /// Where the runtime logs.
    Log,
    /// How it logs.
    LogFormat,
    /// Shows something and ends.
    Information,
}

/// An option.
pub(super) struct Known {
    pub(super) long: &'static str,
    pub(super) short: &'static [u8],
    pub(super) meaning: Meaning,
}

const fn flag(long: &'static str) -> Known {
    known(long, b"", Meaning::Flag)
}

const fn value(long: &'static str) -> Known {
    known(long, b"", Meaning::Value)
}

const fn known(long: &'static str, short: &'static [u8], meaning: Meaning) -> Known {
    Known { long, short, meaning }
}

const HELP: Known = known("help", b"h?", Meaning::Information);
const USAGE: Known = known("usage", b"", Meaning::Information);

/// Before the verb.
pub(super) const GLOBAL: &[Known] = &[
    value("cgroup-manager"),
    value("criu"),
    flag("debug"),
    known("log", b"l", Meaning::Log),
    known("log-format", b"", Meaning::LogFormat),
    value("log-level"),
    known("root", b"r", Meaning::Root),
    value("rootless"),
    known("systemd-cgroup", b"s", Meaning::Flag),
    flag("systemd-log"),
    known("version", b"vV", Meaning::Information),
    HELP,
    USAGE,
];

pub(super) const CREATE: &[Known] = &[
    known("bundle", b"b", Meaning::Bundle),
    known("config", b"f", Meaning::Configuration),
    known("console-socket", b"c", Meaning::Value),
    flag("no-mount-fallback"),
    flag("no-new-keyring"),
    flag("no-pivot"),
    flag("no-subreaper"),
    known("pid-file", b"p", Meaning::Value),
    value("pidfd-socket"),
    value("preserve-fds"),
    HELP,
    USAGE,
];

pub(super) const RUN: &[Known] = &[
    known("bundle", b"b", Meaning::Bundle),
    known("config", b"f", Meaning::Configuration),
    known("console-socket", b"c", Meaning::Value),
    known("detach", b"d", Meaning::Flag),
    flag("keep"),
    flag("no-mount-fallback"),
    flag("no-new-keyring"),
    flag("no-pivot"),
    flag("no-subreaper"),
    known("pid-file", b"p", Meaning::Value),
    value("pidfd-socket"),
    value("preserve-fds"),
    HELP,
    USAGE,
];

pub(super) const EXEC: &[Known] = &[
    known("additional-gids", b"g", Meaning::Value),
    value("apparmor"),
    known("cap", b"c", Meaning::Value),
    value("cgroup"),
    value("console-socket"),
    value("cwd"),
    known("detach", b"d", Meaning::Flag),
    known("env", b"e", Meaning::Value),
    flag("ignore-paused"),
    flag("no-new-privs"),
    value("pid-file"),
    value("pidfd-socket"),
    value("preserve-fds"),
    known("process", b"p", Meaning::Value),
    value("process-label"),
    known("tty", b"t", Meaning::JoinedValue),
    known("user", b"u", Meaning::Value),
    HELP,
    USAGE,
];

pub(super) const START: &[Known] = &[HELP, USAGE];

pub(super) const RESTORE: &[Known] = &[
    flag("auto-dedup"),
    known("bundle", b"b", Meaning::Bundle),
    value("console-socket"),
    known("detach", b"d", Meaning::Flag),
    value("empty-ns"),
    flag("ext-unix-sk"),
    flag("file-locks"),
    value("image-path"),
    flag("lazy-pages"),
    value("lsm-mount-context"),
    value("lsm-profile"),
    value("manage-cgroups-mode"),
    // Declared without a value by crun, which takes the next argument all the same.
    value("network-lock"),
    flag("no-pivot"),
    flag("no-subreaper"),
    value("pid-file"),
    flag("shell-job"),
    flag("tcp-close"),
    flag("tcp-established"),
    value("work-path"),
    HELP,
    USAGE,
];
