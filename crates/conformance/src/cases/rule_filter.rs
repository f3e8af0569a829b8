//! Rules of the user and exclude lists at work on user messages.

use super::{Case, case};
use crate::messages::{ADD_RULE, DEL_RULE, USER_LOGIN, USER_LOGOUT};
use crate::rules::{ALWAYS, EXCLUDE, MSGTYPE, NEVER, PID, Rule, USER};
use crate::stage::Stage;

fn filter(s: &mut Stage) {
    let m = s.listener("mcast");
    let a = s.sender("a");
    let pid = s.pid(a);
    let login = u32::from(USER_LOGIN);

    let never = Rule::new(USER, NEVER).field(PID, pid).field(MSGTYPE, login).bytes();
    s.ask(a, ADD_RULE, &never, "user,never for a login");
    s.ask(a, USER_LOGIN, b"dropped\0", "");
    s.ask(a, USER_LOGOUT, b"kept\0", "");
    s.recv(m, "s", "");
    s.ask(a, DEL_RULE, &never, "");

    let always = Rule::new(USER, ALWAYS).field(PID, pid).bytes();
    s.ask(a, ADD_RULE, &always, "user,always");
    s.ask(a, USER_LOGIN, b"kept2\0", "");
    s.ask(a, DEL_RULE, &always, "");
    s.recv(m, "s", "");

    let exclude = Rule::new(EXCLUDE, ALWAYS).field(PID, pid).field(MSGTYPE, login).bytes();
    s.ask(a, ADD_RULE, &exclude, "exclude for a login");
    s.ask(a, USER_LOGIN, b"excluded\0", "");
    s.ask(a, USER_LOGOUT, b"kept3\0", "");
    s.ask(a, DEL_RULE, &exclude, "");
    s.recv(m, "s", "");
    s.status(a, 1, "");
}

pub(super) fn cases() -> Vec<Case> {
    vec![case("rules.userfilter", "which user messages rules let through", true, filter)]
}
