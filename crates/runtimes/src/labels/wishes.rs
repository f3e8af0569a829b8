//! What annotations ask for: `io.auditns.*`.

use super::name::{cut, valid};
use std::collections::BTreeMap;

pub(super) const PREFIX: &str = "io.auditns.";
pub(super) const NAME: &str = "io.auditns.name";
const BACKLOG_LIMIT: &str = "io.auditns.backlog-limit";
const POLICY: &str = "io.auditns.policy";
const OFF: &str = "io.auditns.off";
/// As much of a text is shown, in bytes.
const SHOWN: usize = 128;

/// How much of its configuration is a namespace's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything (`normal`).
    Normal,
    /// Only the registration of an audit daemon (`strict`).
    Strict,
}

/// What the container's owner asks for. `None` leaves it to the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Name of the namespace (`io.auditns.name`).
    pub name: Option<String>,
    /// Backlog limit in records, 0 to `u32::MAX` (`io.auditns.backlog-limit`).
    pub backlog_limit: Option<u32>,
    /// The policy (`io.auditns.policy`).
    pub policy: Option<Mode>,
    /// Whether the container is to have no audit namespace (`io.auditns.off`).
    pub off: bool,
}

/// Why a wish is none. Texts are cut after 128 bytes, and escaped when shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// There is no such wish.
    #[error(
        "the annotation {key:?} (value {value:?}) is not known; use {NAME}, {BACKLOG_LIMIT}, {POLICY} or \
         {OFF}, or remove it"
    )]
    Unknown {
        /// The annotation.
        key: String,
        /// What it says.
        value: String,
    },
    /// No name.
    #[error(
        "the annotation {NAME} is {value:?}, which is no name for a namespace; use 1 to 64 letters, digits, '.', '_', '-' or \
         ':', beginning with a letter or digit"
    )]
    Name {
        /// What it says.
        value: String,
    },
    /// No number.
    #[error(
        "the annotation {BACKLOG_LIMIT} is {value:?}, which is no number of records; use 0 to {}",
        u32::MAX
    )]
    BacklogLimit {
        /// What it says.
        value: String,
    },
    /// No policy.
    #[error("the annotation {POLICY} is {value:?}, which is no policy; use \"normal\" or \"strict\"")]
    Policy {
        /// What it says.
        value: String,
    },
    /// Neither yes nor no.
    #[error("the annotation {OFF} is {value:?}, which is neither yes nor no; use \"true\" or \"false\"")]
    Off {
        /// What it says.
        value: String,
    },
}

impl Wishes {
    /// Reads the annotations that begin with `io.auditns.`.
    ///
    /// # Errors
    /// [`WishError`]: the first annotation that is unknown or has no good value.
    pub fn parse(annotations: &BTreeMap<String, String>) -> Result<Wishes, WishError> {
        let mut wishes = Wishes::default();
        let ours = annotations.range(PREFIX.to_owned()..).take_while(|(key, _)| key.starts_with(PREFIX));
        for (key, value) in ours {
            wishes.take(key, value)?;
        }
        Ok(wishes)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), WishError> {
        let shown = || cut(value, SHOWN).to_owned();
        match key {
            NAME if valid(value) => self.name = Some(value.to_owned()),
            NAME => return Err(WishError::Name { value: shown() }),
            BACKLOG_LIMIT => {
                let digits_only = value.bytes().all(|byte| byte.is_ascii_digit());
                let limit = value.parse().ok().filter(|_| digits_only);
                self.backlog_limit = Some(limit.ok_or_else(|| WishError::BacklogLimit { value: shown() })?);
            }
            POLICY => {
                self.policy = Some(match value {
                    "normal" => Mode::Normal,
                    "strict" => Mode::Strict,
                    _ => return Err(WishError::Policy { value: shown() }),
                });
            }
            OFF => self.off = yes(value).ok_or_else(|| WishError::Off { value: shown() })?,
            _ => return Err(WishError::Unknown { key: cut(key, SHOWN).to_owned(), value: shown() }),
        }
        Ok(())
    }
}

fn yes(value: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if is(["true", "1", "yes", "on"]) {
        Some(true)
    } else if is(["false", "0", "no", "off"]) {
        Some(false)
    } else {
        None
    }
}
