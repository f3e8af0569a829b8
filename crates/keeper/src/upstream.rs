//! The service manager that has started the keeper, if there is one.

use crate::channel::{Channel, address};
use crate::inherited::{KEEPER_VARIABLE, WATCHDOG_PERIOD_VARIABLE, WATCHDOG_PID_VARIABLE};
use crate::say::Tally;
use std::env;
use std::ffi::OsString;

/// Where to say how the server is.
#[derive(Debug)]
pub(crate) struct Upstream {
    channel: Option<Channel>,
    unsaid: Tally,
}

impl Upstream {
    pub(crate) fn from_environment() -> Upstream {
        let address = env::var_os(KEEPER_VARIABLE).and_then(|name| address(&name));
        Upstream { channel: address.and_then(|address| Channel::new(address).ok()), unsaid: Tally::default() }
    }

    /// Says it, if the service manager listens.
    pub(crate) fn say(&mut self, text: &str) {
        let Some(channel) = self.channel.as_ref().filter(|_| !text.is_empty()) else { return };
        if let Err(error) = channel.offer(text, &[]) {
            self.unsaid.count(|count| {
                format!("the service manager could not be told how the server is ({error}; {count} times)")
            });
        }
    }
}

/// How often the service manager expects a sign of life, if it is to come from this process. It does, since the server's
/// are passed on.
pub(crate) fn watchdog_period() -> Option<OsString> {
    let own = |pid: String| pid.parse() == Ok(std::process::id());
    let period = env::var_os(WATCHDOG_PERIOD_VARIABLE)?;
    env::var(WATCHDOG_PID_VARIABLE).map_or(true, own).then_some(period)
}
