//! The one table of commands and flags: help, man page and completions come from it.

// These texts are read in a terminal, where backticks are noise.
#![allow(clippy::doc_markdown)]

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

/// Audit namespaces for Linux containers, on stock kernels.
///
/// Gives a command and everything below it an audit subsystem of its own: auditctl, auditd, PAM, su, sudo, login and
/// sshd work as on a machine of their own, and their records stand in a log at the host.
#[derive(Debug, Parser)]
#[command(
    name = "auditns",
    version,
    arg_required_else_help = true,
    after_help = "Exit status: that of the command for run; 0 or 1 for probe; 2 for wrong usage; 125 when auditns \
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
    /// Show what this host supports, and why not
    Probe(Probe),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  auditns completions bash > /etc/bash_completion.d/auditns")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  auditns man > /usr/share/man/man8/auditns.8")]
    Man,
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

    /// Folder of the logs; the namespace gets one of its own inside [default: /var/log/auditns for root, else
    /// $XDG_STATE_HOME/auditns or ~/.local/state/auditns]
    #[arg(long, value_name = "DIR")]
    pub(crate) log_dir: Option<PathBuf>,

    /// Backlog limit at the start, in records; 0 leaves audit unavailable, logins proceed unrecorded
    #[arg(long, value_name = "RECORDS", default_value_t = auditns_core::Config::BACKLOG_LIMIT)]
    pub(crate) backlog_limit: u32,

    /// How much of its configuration is the namespace's own
    #[arg(long, value_enum, default_value_t = Policy::Normal)]
    pub(crate) policy: Policy,

    /// What becomes of the login uid that the command inherits [default: reset where possible]
    #[arg(long, value_enum)]
    pub(crate) loginuid: Option<Loginuid>,

    /// Program that gets netlink's addresses and control messages with what it receives, by file name; '*' at the end
    /// stands for any ending. Go programs, systemd-journald and Python get them anyway. May be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) strict_client: Vec<String>,

    /// Print records on stderr as they come
    #[arg(long)]
    pub(crate) events: bool,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
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
    /// Unset it, so that logins inside can set their own; fails without CAP_AUDIT_CONTROL
    Reset,
    /// Leave it
    Host,
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
        assert_eq!((run.backlog_limit, run.policy, run.loginuid), (64, Policy::Normal, None));
    }
}
