//! The parts of a configuration that are read, by their names in it.

use super::seccomp::{Action, Comparison, Profile, Rule};
use super::{Bundle, Origin};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

#[derive(Deserialize)]
pub(super) struct Configuration {
    annotations: Option<BTreeMap<String, String>>,
    process: Option<Process>,
    hostname: Option<String>,
    linux: Option<Linux>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    args: Option<Vec<String>>,
    no_new_privileges: Option<bool>,
    capabilities: Option<Capabilities>,
}

#[derive(Deserialize)]
struct Capabilities {
    bounding: Option<BTreeSet<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
    cgroups_path: Option<String>,
    seccomp: Option<Seccomp>,
}

#[derive(Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: Option<String>,
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seccomp {
    default_action: Option<String>,
    default_errno_ret: Option<u32>,
    listener_path: Option<PathBuf>,
    syscalls: Option<Vec<Syscall>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Syscall {
    names: Option<Vec<String>>,
    action: Option<String>,
    errno_ret: Option<u32>,
    args: Option<Vec<Argument>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Argument {
    index: u64,
    value: u64,
    value_two: Option<u64>,
    op: String,
}

impl From<Configuration> for Bundle {
    fn from(configuration: Configuration) -> Bundle {
        let process = configuration.process.unwrap_or_default();
        let linux = configuration.linux.unwrap_or_default();
        let namespaces = linux.namespaces.unwrap_or_default();
        let (listener_path, seccomp) = match linux.seccomp {
            Some(seccomp) => (present(seccomp.listener_path.clone()), Some(seccomp.into())),
            None => (None, None),
        };
        Bundle {
            annotations: configuration.annotations.unwrap_or_default(),
            arguments: process.args.unwrap_or_default(),
            hostname: configuration.hostname.filter(|name| !name.is_empty()),
            no_new_privileges: process.no_new_privileges.unwrap_or_default(),
            bounding: process.capabilities.map(|capabilities| capabilities.bounding.unwrap_or_default()),
            user_namespace: origin(&namespaces, "user"),
            pid_namespace: origin(&namespaces, "pid"),
            cgroups_path: linux.cgroups_path.filter(|path| !path.is_empty()),
            listener_path,
            seccomp,
        }
    }
}

fn present(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn origin(namespaces: &[Namespace], kind: &str) -> Origin {
    match namespaces.iter().find(|namespace| namespace.kind.as_deref() == Some(kind)) {
        None => Origin::Inherited,
        Some(namespace) => present(namespace.path.clone()).map_or(Origin::New, Origin::Joined),
    }
}

impl From<Seccomp> for Profile {
    fn from(seccomp: Seccomp) -> Profile {
        let default =
            Action::named(seccomp.default_action.as_deref().unwrap_or_default(), seccomp.default_errno_ret);
        Profile::new(default, seccomp.syscalls.unwrap_or_default().into_iter().map(Rule::from).collect())
    }
}

impl From<Syscall> for Rule {
    fn from(syscall: Syscall) -> Rule {
        let comparisons = syscall.args.unwrap_or_default().into_iter().map(|argument| {
            Comparison::named(
                argument.index,
                &argument.op,
                argument.value,
                argument.value_two.unwrap_or_default(),
            )
        });
        Rule {
            action: Action::named(syscall.action.as_deref().unwrap_or_default(), syscall.errno_ret),
            comparisons: comparisons.collect(),
            names: syscall.names.unwrap_or_default(),
        }
    }
}
