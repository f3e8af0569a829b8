//! `GET_FEATURE` and `SET_FEATURE`, without locks.

use super::{Case, case};
use crate::messages::{GET_FEATURE, SET_FEATURE, quiet, request, words};
use crate::stage::Stage;

fn features(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.sender("a");
    s.ask_bytes(a, request(GET_FEATURE, b"", 1), "");
    for (note, feature) in [
        ("an empty mask", Some([1, 0, 0, 0])),
        ("another version, only_unset_loginuid on", Some([0, 1, 1, 0])),
        ("", None),
        ("the same again", Some([1, 1, 1, 0])),
        ("off", Some([1, 1, 0, 0])),
        ("loginuid_immutable on", Some([1, 2, 2, 0])),
        ("", None),
        ("off", Some([1, 2, 0, 0])),
        ("an unknown feature", Some([1, 4, 4, 0])),
        ("", None),
        ("version 77", Some([77, 0, 0, 0])),
        ("both on", Some([1, 3, 3, 0])),
        ("", None),
        ("both off", Some([1, 3, 0, 0])),
        ("", None),
    ] {
        if let Some(feature) = feature {
            s.ask(a, SET_FEATURE, &words(&feature), note);
            s.recv(m, "s", "");
        } else {
            s.ask_bytes(a, quiet(GET_FEATURE, b"", 5), "read back");
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("features", "features on and off, and their records", true, features)]
}
