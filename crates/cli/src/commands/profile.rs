//! `auditns profile`: what to configure in a container manager.

use super::OWN_FAILURE;
use crate::options::{Manager, Mechanism, Profile};
use crate::terminal::line;
use auditns_runtimes::file;
use auditns_runtimes::profile::{self, Advice, CAPABILITIES, lxc, seccomp};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The profile that podman uses.
const OF_PODMAN: &str = "/usr/share/containers/seccomp.json";
/// The policy that LXC uses.
const OF_LXC: &str = "/usr/share/lxc/config/common.seccomp";
/// Longest profile, in bytes.
const PROFILE_MAX: u64 = 16 << 20;

/// Why nothing is printed.
#[derive(Debug, thiserror::Error)]
enum ProfileError {
    #[error(
        "the profile that the manager uses is part of its program: give it with --from, as a file or as the config.json of a \
         container that was started with it"
    )]
    NoBase,
    #[error("there is no such way for this manager; leave --mechanism out")]
    NoMechanism,
    #[error("--from is for seccomp profiles: use it with --mechanism listener, or with lxc")]
    NotFrom,
    #[error("the profile {} cannot be read ({error}); name another one with --from", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("the profile {} is longer than {PROFILE_MAX} bytes", .0.display())]
    TooLong(PathBuf),
    #[error(transparent)]
    Seccomp(#[from] seccomp::ProfileError),
    #[error(transparent)]
    Lxc(#[from] lxc::PolicyError),
    #[error(
        "the profile depends on capabilities and architectures, as those of docker and podman do: this manager would overlook \
         that and allow all of it; give the config.json of a container that was started with it"
    )]
    Conditions,
    #[error("the profile cannot be written as JSON ({0})")]
    Encode(#[source] serde_json::Error),
    #[error("{} cannot be written ({error}); check its folder", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("nothing can be written to standard output ({0})")]
    Print(#[source] io::Error),
}

pub(crate) fn run(options: &Profile) -> ExitCode {
    match print(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ProfileError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn print(options: &Profile) -> Result<(), ProfileError> {
    let (text, notes) = written(options)?;
    match &options.output {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| ProfileError::Write { path: path.clone(), error })?;
        }
        None => io::stdout().write_all(text.as_bytes()).map_err(ProfileError::Print)?,
    }
    for note in notes {
        line(&note);
    }
    Ok(())
}

/// The text, and sentences beside it.
fn written(options: &Profile) -> Result<(String, Vec<String>), ProfileError> {
    let run_dir = &options.supervisor.run_dir;
    let from = options.from.as_deref();
    match (options.manager, options.mechanism.unwrap_or_else(|| usual(options.manager))) {
        (Manager::Lxc, Mechanism::Proxy) => of_lxc(from, &run_dir.join(super::supervise::LXC)),
        (Manager::Incus, Mechanism::Proxy) if from.is_none() => Ok(advice(profile::OF_INCUS)),
        (Manager::Nspawn, Mechanism::Launcher) if from.is_none() => Ok(advice(profile::OF_NSPAWN)),
        (Manager::Lxc | Manager::Incus | Manager::Nspawn, _) => Err(ProfileError::NoMechanism),
        (manager, Mechanism::Listener) => of_runtime(manager, from, &run_dir.join(super::supervise::OCI)),
        (_, Mechanism::Runtime) if from.is_some() => Err(ProfileError::NotFrom),
        (manager, Mechanism::Runtime) => Ok(advice(match manager {
            Manager::Podman => profile::OF_PODMAN,
            Manager::Docker => profile::OF_DOCKER,
            Manager::Containerd => profile::OF_CONTAINERD,
            Manager::Crio => profile::OF_CRIO,
            Manager::K8s => profile::OF_KUBERNETES,
            _ => profile::OF_RUNC,
        })),
        _ => Err(ProfileError::NoMechanism),
    }
}

fn usual(manager: Manager) -> Mechanism {
    match manager {
        Manager::Lxc | Manager::Incus => Mechanism::Proxy,
        Manager::Nspawn => Mechanism::Launcher,
        _ => Mechanism::Runtime,
    }
}

fn advice(advice: Advice) -> (String, Vec<String>) {
    (advice.text.to_owned(), advice.notes.iter().map(|note| (*note).to_owned()).collect())
}

fn of_lxc(from: Option<&Path>, socket: &Path) -> Result<(String, Vec<String>), ProfileError> {
    let base = from.or_else(|| Some(Path::new(OF_LXC)).filter(|path| path.exists()));
    let given = base.map(read).transpose()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = lxc::with_proxy(given.as_deref())?;
    let notes = vec![
        format!(
            "a container's configuration gets: lxc.seccomp.profile = FILE, lxc.seccomp.notify.proxy = unix:{}, and \
             lxc.seccomp.notify.cookie = NAME for another name than its own",
            socket.display()
        ),
        CAPABILITIES.to_owned(),
    ];
    Ok((text, notes))
}

fn of_runtime(
    manager: Manager,
    from: Option<&Path>,
    socket: &Path,
) -> Result<(String, Vec<String>), ProfileError> {
    let base = from.or_else(|| (manager == Manager::Podman).then_some(Path::new(OF_PODMAN)));
    let base = match (base, manager) {
        (Some(path), _) => read(path)?,
        // Runtimes by hand come with none.
        (None, Manager::Runc | Manager::Crun) => allowing().into_bytes(),
        (None, _) => return Err(ProfileError::NoBase),
    };
    let profile = seccomp::with_listener(&base, &socket.to_string_lossy())?;
    let overlooks = matches!(manager, Manager::Containerd | Manager::K8s | Manager::Runc | Manager::Crun);
    if overlooks && seccomp::has_conditions(&profile) {
        return Err(ProfileError::Conditions);
    }
    let text = serde_json::to_string_pretty(&profile).map_err(ProfileError::Encode)?;
    let usage = match manager {
        Manager::Podman => "podman run --security-opt seccomp=FILE, or seccomp_profile in containers.conf",
        Manager::Docker => "docker run --security-opt seccomp=FILE, from docker 23.0 on",
        Manager::Containerd => "ctr run --seccomp --seccomp-profile FILE",
        Manager::Runc | Manager::Crun => "\"linux\": { \"seccomp\": ... } in the config.json of a bundle",
        _ => "a file below /var/lib/kubelet/seccomp, and securityContext.seccompProfile of type Localhost",
    };
    let notes = vec![
        usage.to_owned(),
        "privileged containers have no profile, and 32-bit programs can go around it".to_owned(),
        CAPABILITIES.to_owned(),
    ];
    Ok((text + "\n", notes))
}

/// Runtimes kill what makes calls of an architecture that a profile does not name.
const ARCHITECTURES: &[&str] = if cfg!(target_arch = "x86_64") {
    &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
} else {
    &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
};

/// A profile that allows everything.
fn allowing() -> String {
    serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ARCHITECTURES}).to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, ProfileError> {
    let failed = |error| ProfileError::Read { path: path.to_owned(), error };
    let bytes = file::read(File::open(path).map_err(failed)?, PROFILE_MAX).map_err(failed)?;
    bytes.ok_or_else(|| ProfileError::TooLong(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(manager: Manager, profile: &str) -> Result<(String, Vec<String>), ProfileError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), profile).unwrap();
        of_runtime(manager, Some(file.path()), Path::new("/run/auditns/oci.sock"))
    }

    #[test]
    fn conditions_are_left_to_those_who_look_at_them() {
        let rule = |more: &str| {
            format!(
                r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                    {{"names": ["mount"], "action": "SCMP_ACT_ALLOW"{more}}}]}}"#
            )
        };
        let depends = rule(r#", "includes": {"caps": ["CAP_SYS_ADMIN"]}"#);
        for manager in [Manager::Podman, Manager::Docker, Manager::Crio] {
            let (text, _) = made(manager, &depends).unwrap();
            assert!(text.contains("CAP_SYS_ADMIN") && text.contains("/run/auditns/oci.sock"), "{text}");
        }
        for manager in [Manager::Containerd, Manager::K8s, Manager::Runc, Manager::Crun] {
            assert!(matches!(made(manager, &depends), Err(ProfileError::Conditions)), "{manager:?}");
            assert!(made(manager, &rule("")).is_ok(), "{manager:?}");
        }
    }

    #[test]
    fn what_a_manager_has_no_profile_for_is_said() {
        let socket = Path::new("/run/auditns/oci.sock");
        assert!(matches!(of_runtime(Manager::Docker, None, socket), Err(ProfileError::NoBase)));
        assert!(of_runtime(Manager::Runc, None, socket).is_ok());
        let missing = of_runtime(Manager::Runc, Some(Path::new("/no/such")), socket);
        assert!(matches!(missing, Err(ProfileError::Read { .. })));
    }
}
