//! LXC's policies: a version, the kind of list, a section for each architecture, and a line for each rule.

use super::asked::{
    AF_NETLINK, COPY_ERRNO, COPY_FROM, INT, NETLINK_AUDIT, ON_SOCKETS, SIGNALLING, SIGNALS, SOCKETS, mask,
};
use std::fmt::Write as _;

/// The policy that LXC comes with refuses these by itself.
const BEGINNING: &str = "2\ndenylist\n[all]\nkexec_load errno 1\nopen_by_handle_at errno 1\ninit_module errno 1\n\
                         finit_module errno 1\ndelete_module errno 1\n";

/// Why a policy cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// An old form, or none.
    #[error("the policy does not begin with the line 2; only policies of that version can ask a supervisor")]
    Version,
    /// A list of what is allowed.
    #[error(
        "the policy is a list of what is allowed, and LXC does not divide such a rule: take one that says denylist in its \
         second line"
    )]
    AllowList,
}

/// A policy that has the supervisor asked: the one that is given, or LXC's own.
///
/// # Errors
/// See [`PolicyError`].
pub fn with_proxy(policy: Option<&str>) -> Result<String, PolicyError> {
    let given = policy.unwrap_or(BEGINNING);
    let mut lines = given.lines();
    if lines.next().map(str::trim) != Some("2") {
        return Err(PolicyError::Version);
    }
    let kind = lines.next().unwrap_or_default();
    if !kind.starts_with("denylist") && !kind.starts_with("blacklist") {
        return Err(PolicyError::AllowList);
    }
    let mut text = given.trim_end().to_owned();
    text.push_str("\n[all]\n");
    let mut rule = |call: &str, action: &str, comparisons: &[(u64, u64, u64)]| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{call} {action}");
        for (index, value, mask) in comparisons {
            let _ = write!(text, " [{index},{value},SCMP_CMP_MASKED_EQ,{mask}]");
        }
        text.push('\n');
    };
    let is_socket = |argument| (argument, SOCKETS.0, mask(SOCKETS));
    rule("socket", "notify", &[(0, AF_NETLINK, INT), (2, NETLINK_AUDIT, INT)]);
    // Not `recvfrom` and `recvmsg`: LXC's monitor would wait with the member, and nobody else in the container be answered
    // meanwhile.
    for call in ON_SOCKETS {
        rule(call, "notify", &[is_socket(0)]);
    }
    for (call, argument) in SIGNALLING {
        for signal in SIGNALS {
            rule(call, "notify", &[(argument, signal, INT)]);
        }
    }
    let refused = format!("errno {COPY_ERRNO}");
    for call in ["dup2", "dup3"] {
        rule(call, &refused, &[is_socket(1)]);
    }
    for command in COPY_FROM {
        rule("fcntl", &refused, &[(1, command, INT), is_socket(2)]);
    }
    rule("io_uring_setup", "errno 1", &[]);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_added_to_the_policy_that_is_there() {
        let own = with_proxy(None).unwrap();
        assert!(own.starts_with("2\ndenylist\n[all]\nkexec_load errno 1\n"), "{own}");
        let given = with_proxy(Some("2\ndenylist\n[x86_64]\nmount errno 1\n\n\n")).unwrap();
        assert!(given.starts_with("2\ndenylist\n[x86_64]\nmount errno 1\n[all]\nsocket notify "), "{given}");
        for policy in [&own, &given] {
            assert!(policy.contains(
                "\nsocket notify [0,16,SCMP_CMP_MASKED_EQ,4294967295] [2,9,SCMP_CMP_MASKED_EQ,4294967295]\n"
            ));
            assert!(policy.contains("\nbind notify [0,832,SCMP_CMP_MASKED_EQ,4294967232]\n"));
            assert!(policy.contains("\ntgkill notify [2,15,SCMP_CMP_MASKED_EQ,4294967295]\n"));
            assert!(policy.contains("\ndup2 errno 16 [1,832,SCMP_CMP_MASKED_EQ,4294967232]\n"));
            assert!(policy.contains(
                "\nfcntl errno 16 [1,1030,SCMP_CMP_MASKED_EQ,4294967295] [2,832,SCMP_CMP_MASKED_EQ,4294967232]\n"
            ));
            assert!(policy.ends_with("\nio_uring_setup errno 1\n") && !policy.contains("recv"), "{policy}");
        }
    }

    #[test]
    fn other_policies_are_refused_in_a_sentence() {
        assert!(matches!(with_proxy(Some("1\nallowlist\n")), Err(PolicyError::Version)));
        assert!(matches!(with_proxy(Some("")), Err(PolicyError::Version)));
        assert!(matches!(with_proxy(Some("2\nallowlist errno 1\n")), Err(PolicyError::AllowList)));
    }
}
