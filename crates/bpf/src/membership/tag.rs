//! What the kernel keeps with a task besides its filters.

use serde::{Deserialize, Serialize};

/// What the kernel keeps with a task, and gives to every task that it makes later, threads and processes alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The nested namespace that the task is in, whatever its filters say.
    pub namespace: Option<u64>,
    /// A login uid of its own.
    pub login: Option<Login>,
}

/// A login uid and session number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The login uid; `u32::MAX` is unset.
    pub loginuid: u32,
    /// The session number, from 1 on; `u32::MAX` is unset.
    pub sessionid: u32,
}

impl Tag {
    /// From the two numbers that the programs keep.
    pub(crate) fn from_numbers(namespace: u64, login: u64) -> Tag {
        Tag { namespace: (namespace != 0).then_some(namespace), login: Login::from_number(login) }
    }
}

impl Login {
    /// As the programs keep it. `None` for a login of uid 0 in session 0, which would be the number for none; the kernel's
    /// first session is 1.
    pub(crate) fn number(self) -> Option<u64> {
        let number = u64::from(self.loginuid) | u64::from(self.sessionid) << 32;
        (number != 0).then_some(number)
    }

    fn from_number(number: u64) -> Option<Login> {
        let half = |shift: u32| u32::try_from(number >> shift & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        (number != 0).then(|| Login { loginuid: half(0), sessionid: half(32) })
    }
}

/// When a task started, as whoever names the task knows it: its number may be another's by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// Nanoseconds since boot, as [`crate::Identity::start`] and [`Member::start`].
    Nanoseconds(u64),
    /// Ticks of 10 ms, as in `/proc/PID/stat`.
    Ticks(u64),
    /// Whenever.
    Any,
}

/// Nanoseconds of a tick of `/proc`.
const TICK: u64 = 10_000_000;

impl Start {
    /// The time, and in units of how many nanoseconds; a unit of 0 for whenever.
    pub(crate) fn in_units(self) -> (u64, u64) {
        match self {
            Start::Nanoseconds(time) => (time, 1),
            Start::Ticks(time) => (time, TICK),
            Start::Any => (0, 0),
        }
    }
}

/// A task that is in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its own number.
    pub tid: u32,
    /// The number of its process.
    pub tgid: u32,
    /// When the task started: nanoseconds since boot.
    pub start: u64,
    /// When the first thread of its process did.
    pub leader_start: u64,
    /// The namespace by its filters.
    pub chain: Option<u64>,
    /// What it has besides.
    pub tag: Tag,
}

impl Member {
    /// The namespace that it is in. `None` if it has nothing but a login.
    pub fn namespace(&self) -> Option<u64> {
        self.tag.namespace.or(self.chain)
    }
}

/// How many are in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Which one.
    pub namespace: u64,
    /// Processes with a thread in it.
    pub processes: u32,
    /// Threads.
    pub threads: u32,
}

/// A thread group that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Threads that were changed.
    pub threads: u32,
    /// Passes over all tasks, of which the last one found nothing to do.
    pub passes: u32,
}

/// What could not be kept track of, since tags are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Losses {
    /// Tasks that could not be given the tag of whoever made them, for want of memory.
    pub untagged: u64,
    /// Ends of namespaces for which there was no room in the queue of events.
    pub events: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_kept_in_one_number() {
        for login in [
            Login { loginuid: 0, sessionid: 1 },
            Login { loginuid: 1000, sessionid: 0 },
            Login { loginuid: u32::MAX, sessionid: u32::MAX },
            Login { loginuid: 1, sessionid: u32::MAX },
        ] {
            assert_eq!(Login::from_number(login.number().unwrap()), Some(login));
        }
        assert_eq!(Login { loginuid: 0, sessionid: 0 }.number(), None);
        assert_eq!(Tag::from_numbers(0, 0), Tag::default());
    }

    #[test]
    fn a_tag_wins_over_filters() {
        let tag = Tag { namespace: Some(7), login: None };
        let member = Member { tid: 1, tgid: 1, start: 0, leader_start: 0, chain: Some(5), tag };
        assert_eq!(member.namespace(), Some(7));
        assert_eq!(Member { tag: Tag::default(), ..member }.namespace(), Some(5));
    }
}
