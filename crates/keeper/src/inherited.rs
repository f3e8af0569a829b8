//! What was kept, as the server finds it.

use crate::message::is_name;
use auditns_sys::inherited::{COUNT_VARIABLE, PID_VARIABLE, take};
use std::env;
use std::os::fd::OwnedFd;
use std::process::{self, Command};

/// The variable with the names of the descriptors, between colons.
pub(crate) const NAMES_VARIABLE: &str = "LISTEN_FDNAMES";
/// The variable with the address of the keeper.
pub(crate) const KEEPER_VARIABLE: &str = "NOTIFY_SOCKET";
/// The variable that says how many descriptors are kept at most.
pub(crate) const CAPACITY_VARIABLE: &str = "FDSTORE";
/// The variable that tells a server how many there were before it.
pub(crate) const RESTARTS_VARIABLE: &str = "AUDITNS_RESTARTS";
/// The variables that say how often, and by whom, `WATCHDOG=1` is expected.
pub(crate) const WATCHDOG_PERIOD_VARIABLE: &str = "WATCHDOG_USEC";
pub(crate) const WATCHDOG_PID_VARIABLE: &str = "WATCHDOG_PID";

/// What a keeper tells its server alone.
pub(crate) const VARIABLES: [&str; 8] = [
    PID_VARIABLE,
    COUNT_VARIABLE,
    NAMES_VARIABLE,
    KEEPER_VARIABLE,
    CAPACITY_VARIABLE,
    RESTARTS_VARIABLE,
    WATCHDOG_PERIOD_VARIABLE,
    WATCHDOG_PID_VARIABLE,
];

/// The name of descriptors for which none is given, as `sd_listen_fds_with_names(3)` has it.
const NAMELESS: &str = "unknown";

/// Takes the descriptors that were kept, with their names, in the order in which they were. The first call alone gets them.
/// None, if they are not for this process.
pub fn inherited() -> Vec<(String, OwnedFd)> {
    let count = count();
    if count == 0 {
        return Vec::new();
    }
    let names = env::var(NAMES_VARIABLE).unwrap_or_default();
    named(&names, take(count))
}

/// Whether something was kept for this process.
pub fn is_heir() -> bool {
    count() > 0
}

/// How many descriptors this process was started with.
fn count() -> usize {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let own = number(PID_VARIABLE) == Some(process::id());
    number(COUNT_VARIABLE).filter(|_| own).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

fn named<T>(names: &str, descriptors: Vec<Option<T>>) -> Vec<(String, T)> {
    let names = names.split(':').chain(std::iter::repeat(NAMELESS));
    let names = names.map(|name| if is_name(name) { name } else { NAMELESS });
    names.zip(descriptors).filter_map(|(name, fd)| Some((name.to_owned(), fd?))).collect()
}

/// Takes out of a command's environment what is meant for this process alone. For every program that a kept server starts.
pub fn without_variables(command: &mut Command) -> &mut Command {
    VARIABLES.iter().fold(command, |command, name| command.env_remove(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_with_their_descriptors() {
        let numbers = vec![Some(3), None, Some(5), Some(6), Some(7)];
        let expected =
            [("a", 3), ("c", 5), (NAMELESS, 6), (NAMELESS, 7)].map(|(name, fd)| (name.to_owned(), fd));
        assert_eq!(named("a:b:c:", numbers.clone()), expected);
        assert_eq!(named("a:b:c:\u{1b}", numbers), expected);
        assert_eq!(named("", vec![Some(3)]), [(NAMELESS.to_owned(), 3)]);
        assert_eq!(named("a:b", Vec::<Option<u8>>::new()), []);
    }

    #[test]
    fn programs_of_a_server_are_told_nothing() {
        let mut command = Command::new("/usr/bin/env");
        command.env_clear().envs(VARIABLES.map(|name| (name, "1"))).env("OTHER", "2");
        let output = without_variables(&mut command).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "OTHER=2\n");
    }
}
