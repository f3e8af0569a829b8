//! What this host supports, found out by trying, without lasting effect.

mod code;
mod kernel;
mod privileges;
mod seccomp;

pub use code::map_code;
pub use kernel::KernelVersion;

use crate::identity::loginuid::{self, Login};
use std::io;

/// Something that auditns uses or has to know about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Linux 5.14 or later.
    Kernel,
    /// Seccomp filters can hand calls to a supervisor.
    UserNotification,
    /// No seccomp listener is in this process's chain yet; the kernel allows one.
    ListenerFree,
    /// A descriptor can be injected and the call answered in one step (Linux 5.14).
    InjectAndAnswer,
    /// Notified calls wait uninterrupted by signals (Linux 5.19).
    WaitKillable,
    /// The kernel can wake the supervisor on the caller's CPU (Linux 6.6).
    SyncWakeUp,
    /// The kernel translates process ids between pid namespaces (Linux 6.11).
    PidTranslation,
    /// Namespaces can be had from a pidfd (Linux 6.11).
    PidfdNamespaces,
    /// The filter can be installed without no-new-privileges, so that su and sudo work below it.
    KeepPrivileges,
    /// The inherited login uid can be unset.
    LoginuidReset,
    /// This process is in the initial user namespace.
    InitialUserNamespace,
    /// Users without privileges can make user namespaces.
    UserNamespaces,
    /// `io_uring` is available: a way around the filter unless the filter refuses it.
    IoUring,
}

impl Feature {
    /// Every feature, in the order in which a person wants to read about them.
    pub const ALL: [Self; 13] = [
        Self::Kernel,
        Self::UserNotification,
        Self::ListenerFree,
        Self::InjectAndAnswer,
        Self::WaitKillable,
        Self::SyncWakeUp,
        Self::PidTranslation,
        Self::PidfdNamespaces,
        Self::KeepPrivileges,
        Self::LoginuidReset,
        Self::InitialUserNamespace,
        Self::UserNamespaces,
        Self::IoUring,
    ];

    /// A short name, unique and stable.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::UserNotification => "user-notification",
            Self::ListenerFree => "listener-free",
            Self::InjectAndAnswer => "inject-and-answer",
            Self::WaitKillable => "wait-killable",
            Self::SyncWakeUp => "sync-wake-up",
            Self::PidTranslation => "pid-translation",
            Self::PidfdNamespaces => "pidfd-namespaces",
            Self::KeepPrivileges => "keep-privileges",
            Self::LoginuidReset => "loginuid-reset",
            Self::InitialUserNamespace => "initial-user-namespace",
            Self::UserNamespaces => "user-namespaces",
            Self::IoUring => "io-uring",
        }
    }

    /// Whether auditns cannot run without it.
    pub const fn required(self) -> bool {
        matches!(self, Self::Kernel | Self::UserNotification | Self::ListenerFree | Self::InjectAndAnswer)
    }
}

/// Whether something is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is.
    Supported,
    /// It is not.
    Missing {
        /// Why, and what follows, as a sentence.
        reason: String,
    },
}

impl Support {
    fn missing(reason: impl Into<String>) -> Self {
        Self::Missing { reason: reason.into() }
    }

    fn when(condition: bool, reason: impl Into<String>) -> Self {
        if condition { Self::Supported } else { Self::missing(reason) }
    }

    /// Whether it is there.
    pub fn is_supported(&self) -> bool {
        *self == Self::Supported
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked for.
    pub feature: Feature,
    /// What was found.
    pub support: Support,
}

/// Everything that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The running kernel.
    pub kernel: KernelVersion,
    /// Login uid and session id of this process.
    pub login: Login,
    /// One answer for each of [`Feature::ALL`], in that order.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The answer for one feature.
    pub fn support(&self, feature: Feature) -> &Support {
        const UNASKED: &Support = &Support::Supported;
        self.findings
            .iter()
            .find(|finding| finding.feature == feature)
            .map_or(UNASKED, |finding| &finding.support)
    }

    /// The required features that are missing.
    pub fn obstacles(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.feature.required() && !finding.support.is_supported())
    }
}

/// Looks at everything. Takes some milliseconds, one short-lived thread and one short-lived process.
///
/// # Errors
/// If this process cannot read `/proc/self`, or if no thread can be started.
pub fn run() -> io::Result<Report> {
    let kernel = KernelVersion::running();
    let trial = seccomp::trial()?;
    let findings = Feature::ALL
        .map(|feature| {
            let support = match feature {
                Feature::Kernel => kernel::recent_enough(&kernel),
                Feature::UserNotification => seccomp::user_notification(),
                Feature::ListenerFree => trial.listener.clone(),
                Feature::InjectAndAnswer => trial.inject_and_answer.clone(),
                Feature::WaitKillable => trial.wait_killable.clone(),
                Feature::SyncWakeUp => trial.sync_wake_up.clone(),
                Feature::PidTranslation => privileges::pid_translation(),
                Feature::PidfdNamespaces => privileges::pidfd_namespaces(),
                Feature::KeepPrivileges => privileges::keep_privileges(),
                Feature::LoginuidReset => privileges::loginuid_reset(),
                Feature::InitialUserNamespace => privileges::initial_user_namespace(),
                Feature::UserNamespaces => privileges::user_namespaces(),
                Feature::IoUring => privileges::io_uring(),
            };
            Finding { feature, support }
        })
        .to_vec();
    Ok(Report { kernel, login: loginuid::own()?, findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_report_answers_every_feature_once_with_sentences() {
        let report = run().unwrap();
        let asked: Vec<Feature> = report.findings.iter().map(|finding| finding.feature).collect();
        assert_eq!(asked, Feature::ALL);
        for finding in &report.findings {
            if let Support::Missing { reason } = &finding.support {
                assert!(reason.ends_with('.') && reason.len() > 20, "{reason:?}");
            }
            assert_eq!(report.support(finding.feature), &finding.support);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = Feature::ALL.map(Feature::name).into_iter().collect();
        assert_eq!(names.len(), Feature::ALL.len());
    }

    #[test]
    fn obstacles_are_the_required_features_that_are_missing() {
        let findings = Feature::ALL
            .map(|feature| Finding { feature, support: Support::missing("It is not there today.") })
            .to_vec();
        let login = Login { uid: loginuid::UNSET, session: loginuid::UNSET };
        let report = Report { kernel: KernelVersion::running(), login, findings };
        let names: Vec<_> = report.obstacles().map(|finding| finding.feature.name()).collect();
        assert_eq!(names, ["kernel", "user-notification", "listener-free", "inject-and-answer"]);
    }

    #[test]
    fn probing_leaves_this_thread_as_it_was() {
        let state = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let kept = ["NoNewPrivs:", "Seccomp:", "Seccomp_filters:", "CapEff:", "Uid:"];
            status
                .lines()
                .filter(|line| kept.iter().any(|name| line.starts_with(name)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let before = state();
        assert!(before.len() >= 4);
        run().unwrap();
        assert_eq!(state(), before);
    }
}
