//! Login user ids and sessions of the namespace's own: who has which, and who may set them.
//!
//! A login belongs to a process and is inherited by the processes that it starts from then on, as with the kernel. Where the
//! kernel keeps it with the task ([`LoginSource::Kept`]), that counts. Otherwise the nearest ancestor that has set one says
//! what a process has: a process whose parent had ended before it was first looked at has lost its ancestors.

use super::Namespace;
use super::features::FeatureState;
use crate::action::Action;
use crate::login::{KernelLogin, Login, LoginSource};
use crate::sender::{ProcessId, Sender};
use crate::socket::Caller;
use crate::time::Now;
use auditns_wire::Errno;
use auditns_wire::record::{Ids, Viewed};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a process has set, and when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Setting {
    at: Duration,
    login: Login,
}

/// A call that was answered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Answered {
    call: u64,
    result: Result<u32, Errno>,
}

/// The logins of processes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Logins {
    /// What processes have set themselves.
    set: BTreeMap<ProcessId, Vec<Setting>>,
    /// What processes have had from their start.
    inherited: BTreeMap<ProcessId, Login>,
    /// The session that was begun last.
    session: u32,
    /// The last call: it comes again if nobody knows whether it was answered.
    answered: Option<Answered>,
}

/// `/proc` tells a process's start in hundredths of a second; settings are compared at the same grain.
const GRAIN: Duration = Duration::from_millis(10);

impl Logins {
    /// Most processes remembered in each of the two tables. One more, and the one that started first is forgotten.
    pub(super) const PROCESSES: usize = 4096;
    /// From so many that have set a login on, it is asked which of them have ended.
    const MANY: usize = Logins::PROCESSES / 4 * 3;
    /// Most settings remembered of one process; later ones replace the last.
    const SETTINGS: usize = 8;

    /// What a process has now; `None` if nothing is known of it.
    fn of(&self, process: ProcessId) -> Option<Login> {
        self.at(process, Duration::MAX)
    }

    /// What a process had at a time.
    fn at(&self, process: ProcessId, until: Duration) -> Option<Login> {
        let settings = self.set.get(&process).map_or(&[][..], Vec::as_slice);
        let setting = settings.iter().rev().find(|setting| floor(setting.at) <= until);
        setting.map(|setting| setting.login).or_else(|| self.inherited.get(&process).copied())
    }

    /// A process has what the nearest of its ancestors that is known had when the line to it was forked.
    pub(super) fn learn(&mut self, process: ProcessId, ancestors: &[ProcessId]) {
        let mut until = process.started;
        let mut found = None;
        for ancestor in ancestors {
            found = self.at(*ancestor, until);
            if found.is_some() {
                break;
            }
            until = until.min(ancestor.started);
        }
        self.inherited.insert(process, found.unwrap_or(Login::UNSET));
        bound(&mut self.inherited);
    }

    fn set(&mut self, process: ProcessId, login: Login, at: Duration) {
        let settings = self.set.entry(process).or_default();
        settings.truncate(Logins::SETTINGS - 1);
        settings.push(Setting { at, login });
        bound(&mut self.set);
    }

    /// Processes have ended: nobody has them as ancestors any more whose line is not known.
    pub(super) fn forget(&mut self, processes: &[ProcessId]) {
        for process in processes {
            self.set.remove(process);
            self.inherited.remove(process);
        }
    }

    /// Kernel: `audit_set_loginuid`, which takes the number that means "unset" for no session.
    fn next_session(&mut self) -> u32 {
        self.session = self.session.wrapping_add(1);
        if self.session == Ids::UNSET {
            self.session = self.session.wrapping_add(1);
        }
        self.session
    }

    #[cfg(test)]
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.set.len(), self.inherited.len())
    }

    #[cfg(test)]
    pub(super) fn set_session(&mut self, session: u32) {
        self.session = session;
    }
}

fn bound<T>(table: &mut BTreeMap<ProcessId, T>) {
    while table.len() > Logins::PROCESSES {
        let Some(oldest) = table.keys().min_by_key(|known| known.started).copied() else { return };
        table.remove(&oldest);
    }
}

fn floor(at: Duration) -> Duration {
    let grains = at.as_nanos() / GRAIN.as_nanos();
    GRAIN * u32::try_from(grains).unwrap_or(u32::MAX)
}

/// Kernel: `audit_set_loginuid_perm`. Where a capability is asked for, it is towards the owner user namespace.
fn may_set(old: &Login, auid: u32, control: bool, features: FeatureState) -> bool {
    if !old.is_set() {
        return true;
    }
    if features.loginuid_immutable() || !control {
        return false;
    }
    !features.only_unset_loginuid() || auid == Ids::UNSET
}

impl Namespace {
    /// Whether members have login user ids and sessions of the namespace's own.
    pub fn has_own_logins(&self) -> bool {
        self.config.own_logins
    }

    /// Whether [`crate::Input::Descends`] has to come before what a process does, because its login is not known.
    pub fn lacks_login(&self, process: ProcessId, source: LoginSource) -> bool {
        self.config.own_logins && !matches!(source, LoginSource::Kept(_)) && self.logins.of(process).is_none()
    }

    /// The login of a process. Nobody has logged in where nothing is known.
    pub fn login_of(&self, process: ProcessId, source: LoginSource) -> Login {
        match source {
            LoginSource::Kept(login) => login,
            LoginSource::Kernel | LoginSource::Namespace(_) => {
                self.logins.of(process).unwrap_or(Login::UNSET)
            }
        }
    }

    /// The processes that have set a login, when they are so many that those which have ended should be forgotten
    /// ([`crate::Input::ProcessesEnded`]); nothing otherwise.
    pub fn processes_with_login(&self) -> Vec<ProcessId> {
        if self.logins.set.len() < Logins::MANY {
            return Vec::new();
        }
        self.logins.set.keys().copied().collect()
    }

    /// The sender with the login that it has here.
    pub(super) fn with_login(&self, sender: &Sender) -> Sender {
        let mut sender = *sender;
        if self.config.own_logins {
            let login = self.login_of(sender.process, sender.login);
            let Ids { auid, ses, .. } = sender.ids.host;
            sender.login = LoginSource::Namespace(KernelLogin { auid, ses });
            set_ids(&mut sender, &login);
        }
        sender
    }

    pub(super) fn caller_with_login<'c>(&self, caller: &'c Caller) -> Cow<'c, Caller> {
        if !self.config.own_logins {
            return Cow::Borrowed(caller);
        }
        let mut caller = caller.clone();
        caller.sender = self.with_login(&caller.sender);
        Cow::Owned(caller)
    }

    /// Kernel: `audit_set_loginuid`.
    #[expect(clippy::too_many_arguments, reason = "they are what an input has")]
    pub(super) fn write_loginuid(
        &mut self,
        call: u64,
        writer: &Sender,
        task: ProcessId,
        tty: &[u8],
        auid: Result<Viewed<u32>, Errno>,
        length: u32,
        now: Now,
    ) {
        let result = match self.logins.answered {
            Some(answered) if answered.call == call => answered.result,
            _ => auid.and_then(|auid| self.set_login(writer, task, tty, auid, now)).map(|()| length),
        };
        self.logins.answered = Some(Answered { call, result });
        self.output.push_back(Action::LoginuidAnswer { call, result });
    }

    fn set_login(
        &mut self,
        writer: &Sender,
        task: ProcessId,
        tty: &[u8],
        auid: Viewed<u32>,
        now: Now,
    ) -> Result<(), Errno> {
        let mut writer = self.with_login(writer);
        let Ids { auid: old, ses: old_ses, .. } = writer.ids.host;
        let old = Login { auid: Viewed { namespace: writer.ids.namespace.auid, host: old }, ses: old_ses };
        let permitted = may_set(&old, auid.host, writer.capabilities.control, self.features);
        let mut login = Login { auid, ses: Ids::UNSET };
        if permitted && login.is_set() {
            login.ses = self.logins.next_session();
        }
        if permitted {
            self.logins.set(writer.process, login, now.since_boot);
        }
        set_ids(&mut writer, &login);
        self.log_login(&writer, old.auid, old.ses, tty, permitted, now);
        if !permitted {
            return Err(Errno::EPERM);
        }
        self.output.push_back(Action::KeepLogin { task, login });
        Ok(())
    }
}

fn set_ids(sender: &mut Sender, login: &Login) {
    let Viewed { namespace, host } = &mut sender.ids;
    (namespace.auid, host.auid) = (login.auid.namespace, login.auid.host);
    (namespace.ses, host.ses) = (login.ses, login.ses);
}
