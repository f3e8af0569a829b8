//! Programs that make containers, and what `auditns run` does for them.

use super::base_name;
use auditns_runtimes::nspawn::{self, Abi, Calls, Groups, Numbers, Surroundings};
use auditns_supervisor::attached::Confinement;
use auditns_sys::arch::Architecture;
use auditns_sys::filter::{AllowList, AssembleError, assemble_allow_lists};
use std::env;
use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// What the groups of system calls are asked for.
const ANALYZE: &str = "systemd-analyze";

/// Why a container would be less confined than people expect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfinementError {
    #[error(
        "{ANALYZE} cannot be run ({0}), so it is not known which system calls systemd-nspawn would allow: install it, or set \
         SYSTEMD_SECCOMP=0 yourself to go on without that list"
    )]
    NoAnalyze(#[source] io::Error),
    #[error(
        "{ANALYZE} syscall-filter has failed ({status}: {said}), so it is not known which system calls systemd-nspawn would \
         allow: mend it, or set SYSTEMD_SECCOMP=0 yourself to go on without that list"
    )]
    Analyze { status: ExitStatus, said: String },
    #[error(transparent)]
    Groups(#[from] nspawn::GroupsError),
    #[error(
        "the working directory cannot be told ({0}), in which systemd-nspawn would look for its container's settings; go to \
         one that exists"
    )]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Settings(#[from] nspawn::SettingsError),
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

/// What a command gets besides the filter of its namespace: systemd-nspawn is told to leave its own filters out, one of which
/// refuses audit sockets, and is given the other one from here. Whoever has set the variable has decided.
pub(crate) fn confinement(command: &[OsString]) -> Result<Confinement, ConfinementError> {
    let Some((program, arguments)) = command.split_first() else { return Ok(Confinement::default()) };
    if !nspawn::is_nspawn(program) || env::var_os(nspawn::VARIABLE).is_some() {
        return Ok(Confinement::default());
    }
    let printed = Command::new(ANALYZE)
        .args(["--no-pager", "syscall-filter"])
        .stdin(Stdio::null())
        .output()
        .map_err(ConfinementError::NoAnalyze)?;
    if !printed.status.success() {
        let said = String::from_utf8_lossy(&printed.stderr).trim().to_owned();
        return Err(ConfinementError::Analyze { status: printed.status, said });
    }
    let groups = Groups::parse(&String::from_utf8_lossy(&printed.stdout))?;
    let surroundings = Surroundings {
        folder: env::current_dir().map_err(ConfinementError::Folder)?,
        host_name: rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    let calls = Calls::of(arguments, &surroundings, &groups)?;
    let lists: Vec<AllowList> = Abi::local().iter().map(|abi| list(*abi, &calls)).collect();
    let allow = Some(assemble_allow_lists(&lists)?);
    // Below that list systemd-nspawn cannot give the container a keyring, and goes on without one.
    Ok(Confinement { allow, new_session_keyring: true, environment: vec![(nspawn::VARIABLE, "0")] })
}

fn list(abi: Abi, calls: &Calls) -> AllowList {
    let Numbers { allowed, known } = Numbers::of(calls, abi);
    let architecture = match abi {
        Abi::X86_64 => Architecture::X86_64,
        Abi::I386 => Architecture::I386,
        Abi::Aarch64 => Architecture::Aarch64,
        Abi::Arm => Architecture::Arm,
    };
    AllowList { architecture, allowed, known }
}

/// What is good to know before a command of this kind is run.
pub(crate) fn hint(command: &[OsString]) -> Option<&'static str> {
    let program = base_name(command.first()?);
    matches!(program, b"lxc-start" | b"lxc-execute").then_some(
        "LXC leaves its own seccomp policy out below another filter, unless lxc.seccomp.allow_nesting = 1; the way that keeps \
         it is LXC's notify proxy (auditns profile lxc)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn nspawn_gets_its_list_and_others_get_nothing() {
        let confined = confinement(&words("/usr/bin/systemd-nspawn -D /x --boot")).unwrap();
        assert_eq!(confined.environment, [("SYSTEMD_SECCOMP", "0")]);
        let program = confined.allow.unwrap();
        assert!(program.len() > 100 && program.len() < 4096, "{}", program.len());
        for line in ["bwrap --bind / / sh", "unshare -Ur sh", "sh -c systemd-nspawn", ""] {
            assert_eq!(confinement(&words(line)).unwrap(), Confinement::default(), "{line}");
        }
        assert_eq!(confinement(&[]).unwrap(), Confinement::default());
    }

    #[test]
    fn people_are_told_what_lxc_does_silently() {
        assert!(
            hint(&words("lxc-start -n web")).is_some() && hint(&words("/usr/bin/lxc-execute -n x")).is_some()
        );
        assert!(hint(&words("lxc-attach -n web")).is_none() && hint(&[]).is_none());
    }
}
