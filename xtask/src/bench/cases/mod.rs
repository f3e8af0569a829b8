//! What is measured: a function for each case, by family.

mod calls;
mod inside;
mod messages;
pub(crate) mod namespaces;
mod neighbours;
pub(crate) mod search;
mod sparse;
mod stopped;

use super::Setting;
use super::round::{Rounds, Variant};
use crate::command::Failure;

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// By which it is asked for; stable.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What is compared with what, the other one first.
    pub(crate) compared: &'static [(Variant, Variant)],
    /// Whether it is short enough for whoever looks at function alone.
    pub(crate) is_quick: bool,
    pub(crate) measure: fn(&Setting, &mut Rounds) -> Result<(), Failure>,
}

const fn case(
    name: &'static str,
    about: &'static str,
    compared: &'static [(Variant, Variant)],
    measure: fn(&Setting, &mut Rounds) -> Result<(), Failure>,
) -> Case {
    Case { name, about, compared, is_quick: true, measure }
}

const WITH_AUDITD: &[(Variant, Variant)] = &[("auditd", "auditns"), ("auditd", "embedded")];
const WITH_BOTH: &[(Variant, Variant)] = &[("auditd", "auditns"), ("auditd, async", "auditns")];
const WITH_READER: &[(Variant, Variant)] = &[("auditd", "auditns"), ("reader", "auditns")];
const WITH_BACKLOGS: &[(Variant, Variant)] =
    &[("auditd, backlog 64", "auditns"), ("auditd, backlog 8192", "auditns")];
const WITH_PROFILES: &[(Variant, Variant)] = &[("no filter", "auditns"), ("profile", "profile, auditns")];
const WITH_RANGES: &[(Variant, Variant)] =
    &[("auditd", "auditns"), ("auditd", "strict"), ("lowest number", "auditns"), ("lowest number", "strict")];
const WITH_FEW: &[(Variant, Variant)] = &[("one namespace", "auditns")];

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("acked", "one client that waits for each acknowledgement", WITH_AUDITD, messages::acked),
    case("libaudit", "one client with the real libaudit", WITH_READER, messages::libaudit),
    case("sparse", "one message each 2 ms", WITH_READER, sparse::sparse),
    case("clients-8", "8 clients that wait for acknowledgements", WITH_BOTH, messages::clients_8),
    case("clients-64", "64 clients that wait for acknowledgements", WITH_BOTH, messages::clients_64),
    case("clients-256", "256 clients that wait for acknowledgements", WITH_BOTH, messages::clients_256),
    case("threads", "8 threads of one client, none of them its main thread", WITH_AUDITD, messages::threads),
    case("flood", "one client that asks for no acknowledgements", WITH_AUDITD, messages::flood),
    case("auditd-inside-1", "one client, and auditd in its namespace", WITH_AUDITD, inside::one),
    case("auditd-inside-8", "8 clients, and auditd in their namespace", WITH_AUDITD, inside::eight),
    case("stopped-auditd", "auditd in the namespace stands still", &[], stopped::stopped),
    case(
        "neighbours-8",
        "one message each 2 ms beside 8 clients of another namespace",
        WITH_BACKLOGS,
        neighbours::eight,
    ),
    case(
        "neighbours-64",
        "one message each 2 ms beside 64 clients of another namespace",
        WITH_BACKLOGS,
        neighbours::many,
    ),
    case(
        "hogs",
        "one message each 2 ms beside two busy programs for each processor",
        WITH_READER,
        sparse::hogs,
    ),
    case("strict", "numbers of audit sockets, which decide what is stopped", WITH_RANGES, messages::ranges),
    case("open", "an audit socket opened and closed", &[("kernel", "auditns")], calls::open),
    case("unrelated", "calls that have nothing to do with audit", WITH_PROFILES, calls::unrelated),
    case(
        "login-files",
        "files opened where login uids are the namespace's own",
        &[("keep", "virtual")],
        calls::login_files,
    ),
    case(
        "search",
        "all logins of 1,000,000 lines (20,000 with --quick)",
        &[("ausearch", "auditns")],
        search::search,
    ),
    case("namespaces-1", "one more namespace", WITH_FEW, namespaces::one),
    case("namespaces-1000", "1000 more namespaces (100 with --quick)", WITH_FEW, namespaces::thousand),
    Case {
        is_quick: false,
        ..case("namespaces-10000", "10,000 more namespaces", WITH_FEW, namespaces::ten_thousand)
    },
];
