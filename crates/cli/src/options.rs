//! The one table of commands and flags: help, man page and completions come from it.

// These texts are read in a terminal, where backticks are noise.
#![allow(clippy::doc_markdown)]

use crate::since::Since;
use auditns_search::Expression;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// Where the policy is.
const POLICY_FILE: &str = "/etc/auditns/auditns.toml";
/// Where the supervisor's sockets are.
const RUN_DIR: &str = "/run/auditns";
/// What names another folder for them.
const RUN_DIR_VARIABLE: &str = "AUDITNS_RUN_DIR";

/// Audit namespaces for Linux containers, on stock kernels.
///
/// Gives a command and everything below it an audit subsystem of its own: auditctl, auditd, PAM, su, sudo, login and
/// sshd work as on a machine of their own, and their records stand in a log at the host.
#[derive(Debug, Parser)]
#[command(
    name = "auditns",
    version,
    arg_required_else_help = true,
    after_help = "Exit status: that of the command for run and exec; 0 or 1 for probe; 2 for wrong usage; 125 when auditns \
                  itself fails, 126 when the command cannot be executed, 127 when it is not found."
)]
pub(crate) struct Auditns {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command in a new audit namespace
    Run(Run),
    /// Run a command in a namespace that exists
    Exec(Exec),
    /// Be the OCI runtime of containers that get a namespace
    Runtime(Runtime),
    /// Serve the audit namespaces of this host
    Supervise(Supervise),
    /// List the audit namespaces of this host
    List(List),
    /// Show one audit namespace
    Show(Show),
    /// Change a limit of an audit namespace
    Set(Set),
    /// Print the records of an audit namespace
    Logs(Logs),
    /// Print records of all audit namespaces
    Events(Events),
    /// Watch the audit namespaces
    Top(Top),
    /// Print what to configure in a container manager
    Profile(Profile),
    /// Show what this host supports, and why not
    Probe(Probe),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  auditns completions bash > /etc/bash_completion.d/auditns")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Ask the kernel which task is in which namespace, for the process at standard input
    #[command(hide = true)]
    Membership {
        /// Do it; else have another process do it, and replace that when it ends
        #[arg(long)]
        serve: bool,
    },
    /// Print the manual page, or write one for each command
    #[command(after_help = "Examples:\n  auditns man > /usr/share/man/man8/auditns.8\n  \
                            auditns man --dir /usr/share/man/man8")]
    Man {
        /// Write auditns.8 and a page for each command into this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `auditns run`.
#[derive(Debug, Args)]
#[command(
    override_usage = "auditns run [OPTIONS] -- COMMAND [ARG]...",
    after_help = "Examples:\n  \
        auditns run -- unshare -Urpf --mount-proc bash\n  \
        auditns run --name web --log-dir /var/log/auditns -- unshare -mpf --mount-proc /sbin/init\n  \
        auditns run --events -- su -c true\n\n\
        The records stand in LOG-DIR/NAME/audit.log: ausearch -if LOG-DIR/NAME/audit.log"
)]
pub(crate) struct Run {
    /// Name of the namespace: letters, digits, '.', '_', '-', ':' [default: program and process id]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Folder of the logs; the namespace gets one of its own inside; implies --embedded [default: /var/log/auditns for root, else
    /// $XDG_STATE_HOME/auditns or ~/.local/state/auditns]
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Backlog limit at the start, in records; 0 leaves audit unavailable, logins proceed unrecorded [default: 64; of a
    /// supervisor, as its policy says]
    #[arg(long, value_name = "RECORDS")]
    pub(crate) backlog_limit: Option<u32>,

    /// How much of its configuration is the namespace's own [default: normal; of a supervisor, as its policy says]
    #[arg(long, value_enum)]
    pub(crate) policy: Option<Policy>,

    /// What becomes of the login uid that the command inherits [default: auto]
    #[arg(long, value_enum)]
    pub(crate) loginuid: Option<Loginuid>,

    /// Program that gets netlink's addresses and control messages with what it receives, by file name; '*' at the end
    /// stands for any ending. Go programs, systemd-journald and Python get them anyway. May be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) strict_client: Vec<String>,

    /// Print records on stderr as they come; implies --embedded
    #[arg(long)]
    pub(crate) events: bool,

    /// Serve the namespace from this process, even where a supervisor runs
    #[arg(long)]
    pub(crate) embedded: bool,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// Where the supervisor is.
#[derive(Clone, Debug, Args)]
pub(crate) struct SupervisorAt {
    /// Folder of the supervisor's socket
    #[arg(long, value_name = "DIR", env = RUN_DIR_VARIABLE, default_value = RUN_DIR)]
    pub(crate) run_dir: PathBuf,
}

/// `auditns exec`.
#[derive(Debug, Args)]
#[command(
    override_usage = "auditns exec [OPTIONS] NAMESPACE -- COMMAND [ARG]...",
    after_help = "The command joins the audit namespace and no other; combine it with nsenter to enter a container.\n\n\
        Examples:\n  \
        auditns exec web -- auditctl -s\n  \
        auditns exec web -- nsenter -at 4711 bash"
)]
pub(crate) struct Exec {
    /// Name or number of the namespace
    pub(crate) namespace: String,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `auditns runtime`.
#[derive(Debug, Args)]
#[command(
    override_usage = "auditns runtime [OPTIONS] -- ARGUMENT...\n       auditns-runc ARGUMENT...\n       auditns-crun ARGUMENT...",
    after_help = "Called auditns-runc, auditns-crun or auditns-youki, it takes all arguments as those of that runtime. Container \
        managers are given such a name as their runtime: see auditns profile.\n\n\
        Examples:\n  \
        podman --runtime /usr/bin/auditns-crun run --cap-add AUDIT_WRITE debian\n  \
        auditns runtime --runtime /usr/sbin/runc -- run --bundle /srv/web web\n\n\
        Annotations of a container: io.auditns.name, io.auditns.backlog-limit, io.auditns.policy, io.auditns.off."
)]
pub(crate) struct Runtime {
    /// The real OCI runtime: a path, or a name that is looked for in PATH
    #[arg(long = "runtime", value_name = "PROGRAM", default_value = "runc")]
    pub(crate) program: OsString,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Policy file, which says what becomes of containers while no supervisor serves
    #[arg(long, value_name = "FILE", env = "AUDITNS_CONFIG", default_value = POLICY_FILE)]
    pub(crate) config: PathBuf,

    /// What the runtime is asked
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<OsString>,
}

impl Runtime {
    /// With the options that the environment gives, for a runtime of that name.
    pub(crate) fn named(program: OsString) -> Runtime {
        let variable = |name: &str, otherwise: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map_or(PathBuf::from(otherwise), PathBuf::from)
        };
        Runtime {
            program,
            supervisor: SupervisorAt { run_dir: variable(RUN_DIR_VARIABLE, RUN_DIR) },
            config: variable("AUDITNS_CONFIG", POLICY_FILE),
            arguments: Vec::new(),
        }
    }
}

/// `auditns supervise`.
#[derive(Debug, Args)]
#[command(
    after_help = "SIGHUP reads the policy again. SIGUSR2 lets the program as it is on disk by then take over.\n\n\
    Examples:\n  \
    auditns supervise\n  \
    auditns supervise --check"
)]
pub(crate) struct Supervise {
    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Policy file; drop-ins are read from the folder of that name with .d
    #[arg(long, value_name = "FILE", default_value = POLICY_FILE)]
    pub(crate) config: PathBuf,

    /// Folder of the logs [default: as the policy says]
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Check the policy and print it as it is understood
    #[arg(long)]
    pub(crate) check: bool,

    /// Start no keeper: the service manager keeps descriptors (NOTIFY_SOCKET, FileDescriptorStoreMax)
    #[arg(long)]
    pub(crate) no_keeper: bool,
}

/// `auditns list`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  auditns list --json")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `auditns show`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  auditns show web\n  auditns show --pid 4711 --json")]
pub(crate) struct Show {
    /// Name or number of the namespace
    #[arg(required_unless_present = "pid", conflicts_with = "pid")]
    pub(crate) namespace: Option<String>,

    /// The namespace that this process is in
    #[arg(long)]
    pub(crate) pid: Option<u32>,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `auditns set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: backlog-limit (records; opens the gate of a namespace that began with 0), rate-limit (records \
    a second; more are lost), read-rate (messages a second; senders of more wait), policy (normal or strict), log-size (bytes), log-files, sockets.\n\n\
    Example:\n  auditns set 1000:web backlog-limit 64"
)]
pub(crate) struct Set {
    /// Name or number of the namespace
    pub(crate) namespace: String,
    /// What is to change
    pub(crate) key: String,
    /// Its new value
    pub(crate) value: String,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,
}

/// Which logs are read, and how they are printed.
#[derive(Debug, Args)]
pub(crate) struct LogOptions {
    /// Go on with records as they come
    #[arg(short, long)]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Folder of the logs [default: as the supervisor says, else /var/log/auditns]
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Only records of which this holds: FIELD=VALUE or FIELD!=VALUE, several values with commas between them. FIELD is
    /// type, serial, pid, uid, auid, ses, contid, key or any other; msg.FIELD is one that a program has written. May be
    /// given several times, all must hold
    #[arg(short, long, value_name = "EXPRESSION")]
    pub(crate) search: Vec<Expression>,

    /// Only records since then: seconds since 1970, or a time span like 30s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Since>,

    /// Only records until then, that second included
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Since>,

    /// Print a JSON object for each record
    #[arg(long)]
    pub(crate) json: bool,
}

/// `auditns logs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  auditns logs web\n  auditns logs web -f --json\n  \
    auditns logs web --search type=USER_LOGIN,USER_AUTH --search auid!=unset --since 1h\n  \
    auditns logs web --view namespace | ausearch -i\n\n\
    Exit status: 1 when --search finds nothing.")]
pub(crate) struct Logs {
    /// Name or number of the namespace; the name of one that has ended works, too
    pub(crate) namespace: String,

    /// Whose ids the records show
    #[arg(long, value_enum, default_value_t = View::Host)]
    pub(crate) view: View,

    #[command(flatten)]
    pub(crate) options: LogOptions,
}

/// `auditns events`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  auditns events -f --type USER_LOGIN\n  auditns events --ns web --since 1h --json\n  \
    auditns events --search res=failed,0 --search acct=root\n\n\
    Exit status: 1 when --search finds nothing."
)]
pub(crate) struct Events {
    /// Only of namespaces of this name; '*' stands for anything. May be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) ns: Vec<String>,

    /// Only records of this type. May be given several times
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,

    #[command(flatten)]
    pub(crate) options: LogOptions,
}

/// `auditns top`.
#[derive(Debug, Args)]
#[command(
    after_help = "On a terminal it shows one page and refreshes it until q or ^C; elsewhere it prints COUNT pages.\n\n\
    Example:\n  auditns top --interval 5"
)]
pub(crate) struct Top {
    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,

    /// Seconds between two pages
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) interval: u64,

    /// Stop after so many pages [default: on a terminal never, else 1]
    #[arg(long, value_name = "PAGES")]
    pub(crate) count: Option<u64>,
}

/// Whose ids records show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// The host's, with the namespace's number
    Host,
    /// The namespace's own
    Namespace,
}

/// `auditns profile`.
#[derive(Debug, Args)]
#[command(
    after_help = "What to write goes to standard output, what to know beside it to standard error.\n\n\
    Examples:\n  \
    auditns profile podman > /etc/containers/containers.conf.d/auditns.conf\n  \
    auditns profile podman --mechanism listener --output /etc/containers/auditns.json\n  \
    auditns profile k8s --mechanism listener --from config.json\n  \
    auditns profile lxc --output /etc/lxc/auditns.seccomp"
)]
pub(crate) struct Profile {
    /// Which one
    #[arg(value_enum)]
    pub(crate) manager: Manager,

    /// How containers are handed over [default: the first that the manager knows]
    #[arg(long, value_enum)]
    pub(crate) mechanism: Option<Mechanism>,

    /// The seccomp profile that is changed: one of docker or podman, of the runtime-spec, a container's config.json, or a policy
    /// of LXC [default: that of podman or LXC]
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,

    /// Write into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) supervisor: SupervisorAt,
}

/// What starts containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manager {
    Podman,
    Docker,
    Containerd,
    Crio,
    K8s,
    Runc,
    Crun,
    Lxc,
    Incus,
    Nspawn,
}

/// How a container is handed over to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mechanism {
    /// The OCI runtime of auditns
    Runtime,
    /// listenerPath in a seccomp profile
    Listener,
    /// LXC's notify proxy
    Proxy,
    /// auditns run
    Launcher,
}

/// `auditns probe`.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 when auditns can run here, 1 when something required is missing.\n\n\
                        Example:\n  auditns probe --json")]
pub(crate) struct Probe {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// See [`auditns_core::Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// Status, features and rules are the namespace's own
    Normal,
    /// Inside, an audit daemon can register; everything else is the host's
    Strict,
}

/// What to do with the login uid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Loginuid {
    /// Unset it where the kernel allows that; else virtual where a supervisor serves, and keep where none does
    Auto,
    /// Unset it, so that logins inside can set their own; fails without CAP_AUDIT_CONTROL
    Reset,
    /// Leave it, and have login uids and sessions of the namespace's own inside; needs a supervisor
    Virtual,
    /// Leave it
    #[value(alias = "host")]
    Keep,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_table_is_consistent() {
        Auditns::command().debug_assert();
    }

    #[test]
    fn a_command_needs_its_separator_and_keeps_its_flags() {
        let parse = |line: &str| Auditns::try_parse_from(line.split(' '));
        assert!(parse("auditns run").is_err());
        assert!(parse("auditns run bash").is_err());
        let Command::Run(run) = parse("auditns run --name web -- sh --events -c x").unwrap().command else {
            panic!("not run")
        };
        assert!(!run.events);
        assert_eq!(run.command, ["sh", "--events", "-c", "x"]);
        assert_eq!((run.backlog_limit, run.policy, run.loginuid), (None, None, None));
    }
}
