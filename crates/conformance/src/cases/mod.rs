//! The cases, one file a subject.
#![allow(
    clippy::many_single_char_names,
    reason = "`s` is the stage; actors are named as in the transcript: a, d, m"
)]

mod features;
mod framing;
mod hold;
mod kernel_event;
mod loginuid;
mod multicast;
mod permission;
mod queue;
mod rate;
mod registration;
mod rule_filter;
mod rule_messages;
mod short;
mod signal_tty;
mod sockets;
mod status;
mod types;
mod user;
mod user_sizes;
mod user_tty;

use crate::messages::Status;
use crate::stage::{Stage, Who};
use std::sync::LazyLock;

/// What kernel a case applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// Any with audit.
    Any,
    /// One that holds records for the next auditd: booted with audit=1, or an audit namespace.
    Holding,
    /// The same before anything was changed.
    Fresh,
    /// One booted with audit=0, which has no audit socket at all.
    Off,
}

/// A case.
pub(crate) struct Case {
    /// Its name.
    pub(crate) id: &'static str,
    /// What it is about.
    pub(crate) about: &'static str,
    /// Whether audit is on when it starts.
    pub(crate) enabled: bool,
    /// Where it applies.
    pub(crate) boot: Boot,
    /// The play.
    pub(crate) play: fn(&mut Stage),
}

/// A case for any kernel.
const fn case(id: &'static str, about: &'static str, enabled: bool, play: fn(&mut Stage)) -> Case {
    Case { id, about, enabled, boot: Boot::Any, play }
}

/// All cases in the order of playing.
pub(crate) fn all() -> &'static [Case] {
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let mut all = Vec::new();
        for part in [
            hold::fresh(),
            types::cases(),
            short::cases(),
            status::cases(),
            features::cases(),
            rule_messages::cases(),
            rule_filter::cases(),
            signal_tty::cases(),
            registration::cases(),
            framing::cases(),
            sockets::cases(),
            user::cases(),
            user_tty::cases(),
            user_sizes::cases(),
            multicast::cases(),
            queue::cases(),
            rate::cases(),
            permission::cases(),
            loginuid::cases(),
            kernel_event::cases(),
            hold::cases(),
        ] {
            all.extend(part);
        }
        all
    });
    &ALL
}

/// Whether a play inside a namespace was one of the whole suite.
pub(crate) fn is_whole(played: &[&str]) -> bool {
    all().iter().filter(|c| c.boot != Boot::Off).all(|c| played.contains(&c.id))
}

/// An auditd that is registered and a READLOG listener.
fn listeners(s: &mut Stage) -> (Who, Who) {
    let auditd = s.sender("auditd");
    let multicast = s.actor("mcast");
    s.socket(multicast, "s", libc::SOCK_DGRAM);
    s.bind(multicast, "s", 0, 1, "join READLOG");
    register(s, auditd);
    s.recv(auditd, "s", "");
    s.rough_recv(multicast, "s", "");
    (auditd, multicast)
}

/// Registers an actor as auditd over its socket `s`.
fn register(s: &mut Stage, who: Who) {
    let pid = s.pid(who);
    s.ask_set(who, &Status::register(pid), "register");
}

/// Receives at the auditd and at the listener.
fn both(s: &mut Stage, auditd: Who, multicast: Who) {
    s.recv(auditd, "s", "");
    s.recv(multicast, "s", "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_suite_is_whole() {
        let mut names: Vec<_> = all().iter().map(|c| c.id).collect();
        assert_eq!(names.len(), 69);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 69);
        assert!(all().iter().all(|c| !c.about.is_empty()));
    }
}
