//! Lines for people on stderr.

use crate::line_writer::LineWriter;
use crate::records::escaped;
use auditns_core::{LossReason, Notice};
use auditns_supervisor::{Event, Observer};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// Most lines of one kind in [`INTERVAL`], the kernel's own limit for its log: members can cause any number of them.
const LINES: u32 = 10;
const INTERVAL: Duration = Duration::from_secs(5);

/// Counts lines of one kind.
#[derive(Debug, Default)]
struct Limiter {
    lines: u32,
    since: Option<Instant>,
}

impl Limiter {
    /// Whether one more may be shown, and whether it is the last one for now.
    fn next(&mut self, now: Instant) -> (bool, bool) {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= INTERVAL) {
            (self.lines, self.since) = (0, Some(now));
        }
        self.lines = self.lines.saturating_add(1);
        (self.lines <= LINES, self.lines == LINES)
    }
}

/// Shows events as lines on stderr. Neither failing to write there nor a reader that is slow is a reason to stop serving.
#[derive(Debug)]
pub(crate) struct Terminal {
    records: bool,
    rules_told: bool,
    told_inside: BTreeSet<LossReason>,
    losses: Limiter,
    log: Limiter,
    endpoints: Limiter,
    plain: Limiter,
    /// What lines of one namespace among others begin with.
    prefix: String,
    writer: LineWriter,
}

impl Terminal {
    /// For the namespace of that name, among others.
    pub(crate) fn of(name: &str) -> Terminal {
        Terminal { prefix: format!("{name}: "), ..Terminal::new(false) }
    }

    /// `records` asks for a line per record.
    pub(crate) fn new(records: bool) -> Terminal {
        Terminal {
            records,
            rules_told: false,
            told_inside: BTreeSet::new(),
            losses: Limiter::default(),
            log: Limiter::default(),
            endpoints: Limiter::default(),
            plain: Limiter::default(),
            prefix: String::new(),
            writer: LineWriter::new(Box::new(std::io::stderr())),
        }
    }

    /// Waits a moment for what is still to be written.
    pub(crate) fn finish(self) {
        self.writer.finish();
    }

    fn line(&mut self, text: &str) {
        self.writer.write(ours(&format!("{}{text}", self.prefix)));
    }

    fn limited(&mut self, limiter: fn(&mut Terminal) -> &mut Limiter, text: fmt::Arguments<'_>) {
        let (shown, last) = limiter(self).next(Instant::now());
        if shown {
            self.line(&text.to_string());
        }
        if last {
            self.line("more lines of this kind are not shown for some seconds");
        }
    }

    /// Where nothing is missing in the log, a person needs to hear of each reason once.
    fn loss(&mut self, reason: LossReason, what: fmt::Arguments<'_>) {
        if !reason.is_in_log() {
            self.limited(|terminal| &mut terminal.losses, format_args!("a record was lost: {what}"));
        } else if self.told_inside.insert(reason) {
            self.line(&format!(
                "an audit daemon inside will miss records: {what}; they all stand in the log here"
            ));
        }
    }

    fn notice(&mut self, notice: &Notice) {
        match notice {
            // Without a daemon inside every record brings one, so nothing is written that is not shown.
            Notice::Lost { reason, lost, failure, rate_limit, backlog_limit } => self.loss(
                *reason,
                format_args!(
                    "{reason} (lost={lost} rate_limit={rate_limit} backlog_limit={backlog_limit} failure={failure})"
                ),
            ),
            Notice::RuleNotEnforced { count } => {
                if !self.rules_told {
                    self.rules_told = true;
                    self.line(
                        "rules of the lists task, exit, filesystem and io_uring are stored and listed but not \
                         enforced: they are about system calls, of which auditns sees none",
                    );
                }
                if self.records {
                    self.line(&format!("rules stored but not enforced: {count}"));
                }
            }
            Notice::Daemon { pid, registered } => {
                if self.records {
                    let what = if *registered { "registered" } else { "is gone" };
                    self.line(&format!("the audit daemon with pid {pid} {what}"));
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
                    self.writer.write(format!("{record}\n"));
                }
            }
            Event::Notice(notice) => self.notice(notice),
            Event::LogFailed { path, error } => self.limited(
                |terminal| &mut terminal.log,
                format_args!(
                    "the log {} cannot be written ({error}); records count as lost until it can, make room or \
                     check its folder",
                    path.display()
                ),
            ),
            Event::LogRecovered { path, missed } => self.limited(
                |terminal| &mut terminal.log,
                format_args!(
                    "the log {} can be written again; {missed} records are not in it",
                    path.display()
                ),
            ),
            Event::EndpointRefused { tid, reason } => self.limited(
                |terminal| &mut terminal.endpoints,
                format_args!("an audit socket was refused to the thread {tid}: {reason}"),
            ),
            Event::EndpointClosed { reason } => self.limited(
                |terminal| &mut terminal.endpoints,
                format_args!("an audit socket of a member was closed: {reason}"),
            ),
            Event::PlainEndpoint { tid } => self.limited(
                |terminal| &mut terminal.plain,
                format_args!(
                    "the thread {tid} got an audit socket for messages only: its limit on open files is below 896, more \
                     than 576 are open, or 64 of them are audit sockets"
                ),
            ),
            Event::AnswersDropped { bytes } => self.limited(
                |terminal| &mut terminal.endpoints,
                format_args!("{bytes} bytes of answers that a member does not read were dropped"),
            ),
            Event::NotTakenUp { error } => self.line(&format!(
                "a namespace that was served before cannot be served any more ({error}); its members have no audit"
            )),
            Event::NotAccepted { reason } => {
                self.line(&format!("what a container manager sent is not taken up: {reason}"));
            }
            Event::MembershipLost { why, senders_noted } => {
                let senders = if *senders_noted { "" } else { "senders are looked up in /proc, which takes longer, and " };
                self.line(&format!(
                    "{senders}which process is in which namespace is told by descent from now on: {}",
                    escaped(why)
                ));
            }
            Event::GivenUp { panics } => self.line(&format!(
                "a namespace is given up, since serving it has ended the supervisor {panics} times; its members have no \
                 audit, please report what was printed then"
            )),
            Event::NotServed { error } => self.limited(
                |terminal| &mut terminal.endpoints,
                format_args!("a namespace cannot be served for now ({error}); this is tried again, its members wait"),
            ),
            Event::CommandEnded => {
                self.line("the command has ended; its namespace is served until the last process in it is gone");
            }
        }
    }
}

/// One line of ours, at once.
pub(crate) fn line(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(ours(text).as_bytes());
}

/// A line of ours. Names and paths may hold what a terminal obeys.
fn ours(text: &str) -> String {
    format!("auditns: {}\n", escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_obey_no_escape_sequence() {
        assert_eq!(ours("a\u{1b}[31m\nb\u{9b}ü"), "auditns: a\\x1b[31m\\x0ab\\x9bü\n");
    }

    #[test]
    fn ten_lines_of_a_kind_are_shown_in_five_seconds() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let shown: Vec<(bool, bool)> = (0..100).map(|_| limiter.next(start)).collect();
        assert_eq!(shown.iter().filter(|(shown, _)| *shown).count(), 10);
        assert_eq!(shown.iter().filter(|(_, last)| *last).count(), 1);
        assert_eq!(limiter.next(start + Duration::from_millis(4999)), (false, false));
        assert_eq!(limiter.next(start + Duration::from_secs(5)), (true, false));
    }

    #[test]
    fn what_only_a_daemon_inside_misses_is_told_once_for_each_reason() {
        let mut terminal = Terminal::new(false);
        let lost = |reason| Notice::Lost { reason, lost: 1, failure: 1, rate_limit: 0, backlog_limit: 64 };
        for reason in [LossReason::HoldOverflow, LossReason::HoldOverflow, LossReason::RetryOverflow] {
            terminal.notice(&lost(reason));
        }
        assert_eq!((terminal.told_inside.len(), terminal.losses.lines), (2, 0));
        terminal.notice(&lost(LossReason::RateLimit));
        terminal.notice(&lost(LossReason::NotStored));
        assert_eq!((terminal.told_inside.len(), terminal.losses.lines), (2, 2));
    }
}
