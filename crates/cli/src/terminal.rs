//! Lines for people on stderr.

use auditns_core::Notice;
use auditns_supervisor::{Event, Observer};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Most lines about lost records in [`LOSS_INTERVAL`], the kernel's own limit for its log.
const LOSSES: u32 = 10;
const LOSS_INTERVAL: Duration = Duration::from_secs(5);

/// Shows events as lines on stderr. Failing to write there is no reason to stop serving.
#[derive(Debug)]
pub(crate) struct Terminal {
    records: bool,
    rules_told: bool,
    losses: u32,
    losses_since: Instant,
}

impl Terminal {
    /// `records` asks for a line per record.
    pub(crate) fn new(records: bool) -> Terminal {
        Terminal { records, rules_told: false, losses: 0, losses_since: Instant::now() }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Lost { reason, lost, failure, rate_limit, backlog_limit } => {
                if self.losses_since.elapsed() >= LOSS_INTERVAL {
                    (self.losses, self.losses_since) = (0, Instant::now());
                }
                self.losses += 1;
                if self.losses <= LOSSES {
                    line(&format!(
                        "a record was lost: {reason} (lost={lost} rate_limit={rate_limit} \
                         backlog_limit={backlog_limit} failure={failure})"
                    ));
                }
            }
            Notice::RuleNotEnforced { count } => {
                if !self.rules_told {
                    self.rules_told = true;
                    line(
                        "rules of the lists task, exit, filesystem and io_uring are stored and listed but not \
                         enforced: they are about system calls, of which auditns sees none",
                    );
                }
                if self.records {
                    line(&format!("rules stored but not enforced: {count}"));
                }
            }
            Notice::Daemon { pid, registered } => {
                if self.records {
                    let what = if *registered { "registered" } else { "is gone" };
                    line(&format!("the audit daemon with pid {pid} {what}"));
                }
            }
        }
    }
}

impl Observer for Terminal {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Record(record) => {
                if self.records {
                    let _ = writeln!(std::io::stderr(), "{record}");
                }
            }
            Event::Notice(notice) => self.notice(notice),
            Event::LogFailed { path, error } => line(&format!(
                "the log {} cannot be written ({error}); records count as lost until it can, make room or check its \
                 folder",
                path.display()
            )),
            Event::LogRecovered { path, missed } => {
                line(&format!(
                    "the log {} can be written again; {missed} records are not in it",
                    path.display()
                ));
            }
            Event::EndpointRefused { tid, reason } => {
                line(&format!("an audit socket was refused to the thread {tid}: {reason}"));
            }
            Event::CommandEnded => {
                line("the command has ended; its namespace is served until the last process in it is gone");
            }
        }
    }
}

/// One line of ours.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "auditns: {text}");
}
