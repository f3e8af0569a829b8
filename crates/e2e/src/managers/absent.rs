//! Container managers that the tests do not run.

/// A program, and why no test runs it.
pub const ABSENT: &[(&str, &str)] = &[
    ("crio", "CRI-O is no package of Debian 12"),
    ("incus", "Incus is no package of Debian 12"),
    ("kubelet", "Kubernetes is no package of Debian 12, and a cluster does not fit here"),
    ("nerdctl", "nerdctl is no package of Debian 12"),
    ("youki", "youki is no package of Debian 12"),
];

/// Those of [`ABSENT`] that are here all the same.
pub fn present() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let is_here = |program: &str| folders.iter().any(|folder| folder.join(program).exists());
    ABSENT.iter().map(|(program, _)| *program).filter(|program| is_here(program)).collect()
}
