//! From a runtime's seccomp profile to one with a listener.
//!
//! libseccomp makes one filter of all rules of a profile, in which a rule without comparisons swallows those with
//! comparisons. So whatever the supervisor is to be asked about is taken out of the rules that allow it, and what is left of
//! these is written as rules that do not overlap.

mod calls;
mod copies;
mod rule;
mod sockets;
#[cfg(test)]
mod tests;

use rule::{ALLOW, Rule};
use serde_json::{Map, Value, json};

/// Calls by which a ring opens sockets that no filter sees.
const RINGS: [&str; 3] = ["io_uring_setup", "io_uring_enter", "io_uring_register"];

/// Why a profile cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// No JSON.
    #[error("the profile is no JSON ({0}); give a seccomp profile, or the config.json of a container")]
    Json(#[source] serde_json::Error),
    /// JSON of another kind.
    #[error(
        "the profile has no \"defaultAction\" and no rules in \"syscalls\"; give a seccomp profile, or the config.json of a \
         container that has one"
    )]
    NoProfile,
    /// A rule that is none.
    #[error("rule {0} of the profile is not understood; see \"syscalls\" in the runtime-spec")]
    Rule(usize),
    /// It asks somebody else.
    #[error("the profile has a listener or SCMP_ACT_NOTIFY already, and a process can have one listener")]
    Listener,
    /// Rules about `socket` that cannot be divided.
    #[error(
        "a rule of the profile about socket compares types, or refuses netlink as a whole, and cannot be divided into audit \
         sockets and others; take it out, or use the OCI runtime of auditns"
    )]
    Socket,
    /// Rules for 32-bit programs that cannot be divided.
    #[error(
        "the profile is for 32-bit programs of x86 as well, and does not allow socketcall as a whole, so the rules for their \
         calls on sockets cannot be divided; take SCMP_ARCH_X86 out, or allow socketcall, or use the OCI runtime of auditns"
    )]
    Socketcall,
}

/// A profile that has the supervisor asked, in the form of the one that is given: of docker and containers/common, or of the
/// runtime-spec. Of a container's configuration it is the part `linux.seccomp`.
///
/// # Errors
/// See [`ProfileError`].
pub fn with_listener(profile: &[u8], listener: &str) -> Result<Value, ProfileError> {
    let given: Value = serde_json::from_slice(profile).map_err(ProfileError::Json)?;
    let profile = given.pointer("/linux/seccomp").unwrap_or(&given);
    let mut profile = profile.as_object().cloned().ok_or(ProfileError::NoProfile)?;
    let default =
        profile.get("defaultAction").and_then(Value::as_str).ok_or(ProfileError::NoProfile)?.to_owned();
    if profile.get("listenerPath").is_some_and(|path| path.as_str() != Some("")) {
        return Err(ProfileError::Listener);
    }
    let rules = match profile.get("syscalls") {
        Some(Value::Array(rules)) => rules.as_slice(),
        None if default == ALLOW => &[],
        _ => return Err(ProfileError::NoProfile),
    };
    let rules: Vec<Rule> = rules
        .iter()
        .enumerate()
        .map(|(number, rule)| Rule::parse(rule).ok_or(ProfileError::Rule(number)))
        .collect::<Result<_, _>>()?;
    if default == rule::NOTIFY || rules.iter().any(|rule| rule.action == rule::NOTIFY) {
        return Err(ProfileError::Listener);
    }
    if default != ALLOW && names_x86(&profile) && !rules.iter().any(allows_socketcall) {
        return Err(ProfileError::Socketcall);
    }
    let rules = changed(&rules, &default)?;
    profile.insert("syscalls".to_owned(), Value::Array(rules.iter().map(Rule::to_json).collect()));
    profile.insert("listenerPath".to_owned(), json!(listener));
    Ok(Value::Object(profile))
}

/// Whether it has what docker, podman and CRI-O decide for each container: on which capabilities a rule depends, and for which
/// architecture it is. Others overlook these conditions, and allow what depends on them.
pub fn has_conditions(profile: &Value) -> bool {
    let is_condition = |key: &str, rule: &Value| {
        rule.get(key).and_then(Value::as_object).is_some_and(|conditions| !conditions.is_empty())
    };
    let rules = profile.get("syscalls").and_then(Value::as_array);
    let depends = |rule| is_condition("includes", rule) || is_condition("excludes", rule);
    profile.get("archMap").is_some_and(|map| !map.is_null()) || rules.into_iter().flatten().any(depends)
}

/// Whether it is for 32-bit programs of x86.
fn names_x86(profile: &Map<String, Value>) -> bool {
    let named = |list: Option<&Value>| {
        list.and_then(Value::as_array).is_some_and(|list| list.iter().any(|name| name == "SCMP_ARCH_X86"))
    };
    let map = profile.get("archMap").and_then(Value::as_array);
    named(profile.get("architectures"))
        || map.into_iter().flatten().any(|entry| named(entry.get("subArchitectures")))
}

/// libseccomp makes `socketcall` of calls on sockets, of whose arguments nothing is left to tell rules from each other. This
/// swallows all of these rules.
fn allows_socketcall(rule: &Rule) -> bool {
    let is_named = rule.names.iter().any(|name| name == "socketcall");
    is_named && rule.comparisons.is_empty() && rule.is_unconditional()
}

fn changed(rules: &[Rule], default: &str) -> Result<Vec<Rule>, ProfileError> {
    let mut untouched = Vec::new();
    let mut divided = Vec::new();
    let mut sockets = Vec::new();
    for rule in rules {
        let mut names = Vec::new();
        for name in &rule.names {
            if name == "socket" {
                sockets.push(rule.clone());
            } else if calls::is_asked(name) {
                divided.extend(calls::divided(rule, name));
            } else if copies::is_copy(name) {
                divided.extend(copies::divided(rule, name));
            } else if !(rule.action == ALLOW && RINGS.contains(&name.as_str())) {
                names.push(name.clone());
            }
        }
        if !names.is_empty() {
            untouched.push(Rule { names, ..rule.clone() });
        }
    }
    if default == ALLOW {
        divided.extend(calls::names().flat_map(calls::added));
        divided.extend(copies::names().flat_map(copies::added));
        untouched.push(refusal());
    }
    // For 32-bit programs on x86 libseccomp makes `socketcall` of some of these: what allows that as a whole comes first.
    let sockets = sockets::without_audit(&sockets)?;
    Ok([untouched, divided, sockets, vec![sockets::notified()]].concat())
}

/// No rings where everything else is allowed.
fn refusal() -> Rule {
    let names = RINGS.map(str::to_owned).into();
    let mut rest = Map::new();
    rest.insert("errnoRet".to_owned(), json!(1));
    Rule { names, action: rule::ERRNO.to_owned(), comparisons: Vec::new(), rest }
}
