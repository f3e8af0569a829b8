//! Configurations of container managers: what to write where.

mod asked;
pub mod lxc;
pub mod seccomp;

/// A text for people to copy, and what they should know beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What to write, with where in its comments; JSON has none.
    pub text: &'static str,
    /// Sentences for people, in order.
    pub notes: &'static [&'static str],
}

/// Which capabilities to grant.
pub const CAPABILITIES: &str = "CAP_AUDIT_WRITE lets programs (PAM, su, sudo, sshd, useradd) send records. CAP_AUDIT_CONTROL \
     lets auditctl and an auditd run: grant it only with a user namespace of the container's own, because in the host's it \
     also rewrites the login uid that the host knows of a process.";

const PODMAN: &str = "podman's own profile refuses audit sockets to containers without CAP_AUDIT_WRITE.";
const DOCKER: &str = "/etc/docker/daemon.json; then: systemctl reload docker, and docker run --runtime auditns IMAGE. With \
     \"default-runtime\": \"auditns\" it holds for all containers.";
const CRI: &str = "A RuntimeClass makes it available to pods: auditns profile k8s.";

/// For the OCI runtime of auditns in podman.
pub const OF_PODMAN: Advice =
    Advice { text: include_str!("texts/podman.toml"), notes: &[PODMAN, CAPABILITIES] };
/// In docker.
pub const OF_DOCKER: Advice =
    Advice { text: include_str!("texts/docker.json"), notes: &[DOCKER, CAPABILITIES] };
/// In containerd.
pub const OF_CONTAINERD: Advice =
    Advice { text: include_str!("texts/containerd.toml"), notes: &[CRI, CAPABILITIES] };
/// In CRI-O.
pub const OF_CRIO: Advice = Advice { text: include_str!("texts/crio.toml"), notes: &[CRI, CAPABILITIES] };
/// In Kubernetes.
pub const OF_KUBERNETES: Advice =
    Advice { text: include_str!("texts/kubernetes.yaml"), notes: &[CAPABILITIES] };
/// By hand.
pub const OF_RUNC: Advice = Advice { text: include_str!("texts/runc.sh"), notes: &[CAPABILITIES] };
/// For Incus and LXD.
pub const OF_INCUS: Advice = Advice { text: include_str!("texts/incus.sh"), notes: &[CAPABILITIES] };
/// For systemd-nspawn.
pub const OF_NSPAWN: Advice = Advice { text: include_str!("texts/nspawn.sh"), notes: &[CAPABILITIES] };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_the_same() {
        for (advice, page) in [
            (OF_PODMAN, include_str!("../../../../docs/runtimes/podman.md")),
            (OF_DOCKER, include_str!("../../../../docs/runtimes/docker.md")),
            (OF_CONTAINERD, include_str!("../../../../docs/runtimes/containerd.md")),
            (OF_CRIO, include_str!("../../../../docs/runtimes/kubernetes.md")),
            (OF_KUBERNETES, include_str!("../../../../docs/runtimes/kubernetes.md")),
            (OF_INCUS, include_str!("../../../../docs/runtimes/lxc.md")),
            (OF_NSPAWN, include_str!("../../../../docs/runtimes/nspawn.md")),
        ] {
            for line in advice.text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
                assert!(page.contains(line), "{line:?} is not in {page}");
            }
            assert!(!advice.notes.is_empty());
        }
    }
}
