//! The steps of the child between fork and exec.
//!
//! The parent may have had threads, so nothing here may allocate, lock or run a destructor that does.

use super::report::{self, Outcome, Report};
use super::{LaunchOptions, LoginuidOutcome, LoginuidReset, Step};
use crate::filter::{self, AssembleError, FilterOptions, Program, Rule};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::CapabilitySet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The text by which the kernel's `loginuid` file is unset: `(uid_t) -1`.
const UNSET: &[u8] = b"4294967295";
/// Size of the kernel's signal set.
const SIGNAL_SET_BYTES: usize = 8;
/// The highest signal number.
const LAST_SIGNAL: i32 = 64;

/// The filters that a child may get.
pub(super) struct Programs {
    plain: Program,
    /// Stops those who open the file of the login uid, too.
    login_files: Program,
}

impl Programs {
    pub(super) fn assemble(options: FilterOptions) -> Result<Programs, AssembleError> {
        // Half as long a program is translated in half the time.
        let of_this_machine = |rules: Vec<Rule>| -> Vec<Rule> {
            rules.into_iter().filter(|rule| rule.architecture.is_of_this_machine()).collect()
        };
        let rules = of_this_machine(filter::rules(&options));
        let plain = filter::assemble(&rules)?;
        let login_files = filter::assemble(&[rules, of_this_machine(filter::login_file_rules())].concat())?;
        Ok(Programs { plain, login_files })
    }

    /// The one that suits what became of the login uid.
    pub(super) fn suiting(&self, outcome: LoginuidOutcome) -> &Program {
        if outcome == LoginuidOutcome::Virtual { &self.login_files } else { &self.plain }
    }
}

/// Everything the child needs, made before the fork.
pub(super) struct Steps {
    /// The filter with a listener; none where there is one already.
    programs: Option<Programs>,
    allow: Option<Program>,
    new_session_keyring: bool,
    loginuid: LoginuidReset,
    ignored: u64,
    channel: OwnedFd,
    parents_end: RawFd,
}

impl Steps {
    pub(super) fn new(
        programs: Option<Programs>,
        options: &LaunchOptions,
        channel: OwnedFd,
        parents_end: BorrowedFd<'_>,
    ) -> Self {
        let valid = options.keep_ignored.iter().filter(|signal| (1..=LAST_SIGNAL).contains(*signal));
        let ignored = valid.fold(0, |mask, signal| mask | 1 << (signal - 1));
        let parents_end = parents_end.as_raw_fd();
        let allow = options.allow.clone();
        let (new_session_keyring, loginuid) = (options.new_session_keyring, options.loginuid);
        Self { programs, allow, new_session_keyring, loginuid, ignored, channel, parents_end }
    }

    pub(super) fn channel(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Does all steps and tells the parent how they went.
    pub(super) fn run(&mut self) -> io::Result<()> {
        // With a copy of it here the channel would never end, and a parent that admits nobody would not be heard.
        // SAFETY: the child has its own table, in which nothing that runs in it owns this number.
        unsafe { libc::close(self.parents_end) };
        let mut outcome =
            Outcome { no_new_privileges: false, wait_killable: false, loginuid: LoginuidOutcome::Kept };
        match self.enter(&mut outcome) {
            Ok(listener) => {
                let report = Report { failed: None, outcome, pid: own_pid() };
                let channel = self.channel.as_fd();
                let sent = report::send(channel, report, Some(listener.as_fd()));
                // The listener is the parent's now: with a copy here, nobody would notice that the parent is gone.
                drop(listener);
                let sent = sent.and_then(|()| report::receive_go(channel));
                sent.map_err(|errno| self.failure(Step::HandOver, errno, outcome))
            }
            Err((step, errno)) => Err(self.failure(step, errno, outcome)),
        }
    }

    fn failure(&self, step: Step, errno: Errno, outcome: Outcome) -> io::Error {
        let report = Report { failed: Some((step, errno.raw_os_error())), outcome, pid: own_pid() };
        // If even this cannot be said, the parent still learns the error number from the standard library.
        let _ = report::send(self.channel.as_fd(), report, None);
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    fn enter(&self, outcome: &mut Outcome) -> Result<OwnedFd, (Step, Errno)> {
        self.prepare(outcome)?;
        let program = self.programs.as_ref().map(|programs| programs.suiting(outcome.loginuid));
        let installed = program.map_or(Err(Errno::INVAL), install);
        let (listener, wait_killable) = installed.map_err(|errno| (Step::Filter, errno))?;
        outcome.wait_killable = wait_killable;
        self.allow()?;
        Ok(listener)
    }

    /// What comes before the filters.
    pub(super) fn prepare(&self, outcome: &mut Outcome) -> Result<(), (Step, Errno)> {
        reset_signals(self.ignored);
        outcome.loginuid = unset_loginuid(self.loginuid)?;
        if self.programs.is_some() || self.allow.is_some() {
            outcome.no_new_privileges = set_no_new_privileges_if_needed()?;
        }
        if self.new_session_keyring {
            join_new_session_keyring().map_err(|errno| (Step::Keyring, errno))?;
        }
        Ok(())
    }

    /// Installs the filter that allows what is on a list: last, because it may be one that allows no further filters.
    pub(super) fn allow(&self) -> Result<(), (Step, Errno)> {
        match &self.allow {
            Some(allow) => install_with(allow, 0).map(|_| ()).map_err(|errno| (Step::Filter, errno)),
            None => Ok(()),
        }
    }
}

/// Unsets the login uid of this thread, as far as it is asked for.
pub(super) fn unset_loginuid(reset: LoginuidReset) -> Result<LoginuidOutcome, (Step, Errno)> {
    match reset {
        LoginuidReset::Keep => return Ok(LoginuidOutcome::Kept),
        LoginuidReset::Virtual => return Ok(LoginuidOutcome::Virtual),
        LoginuidReset::Try | LoginuidReset::Require | LoginuidReset::TryElseVirtual => {}
    }
    match (reset, reset_loginuid()) {
        (LoginuidReset::TryElseVirtual, LoginuidOutcome::Refused(_)) => Ok(LoginuidOutcome::Virtual),
        (LoginuidReset::Require, LoginuidOutcome::Refused(errno)) => {
            Err((Step::Loginuid, Errno::from_raw_os_error(errno)))
        }
        (_, outcome) => Ok(outcome),
    }
}

/// Who has no `CAP_SYS_ADMIN` can install a filter only so. Returns whether that was needed.
pub(super) fn set_no_new_privileges_if_needed() -> Result<bool, (Step, Errno)> {
    let capabilities = rustix::thread::capabilities(None);
    if capabilities.is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN)) {
        return Ok(false);
    }
    rustix::thread::set_no_new_privs(true).map_err(|errno| (Step::NoNewPrivileges, errno))?;
    Ok(true)
}

/// Leaves the keys of the starter's session behind. A kernel without keyrings, or a sandbox that forbids them, leaves none to
/// anybody.
fn join_new_session_keyring() -> Result<(), Errno> {
    // SAFETY: the call reads nothing: without a name the keyring is a new one.
    let keyring = unsafe {
        let operation = libc::c_ulong::from(libc::KEYCTL_JOIN_SESSION_KEYRING);
        libc::syscall(libc::SYS_keyctl, operation, std::ptr::null::<libc::c_char>())
    };
    match last_errno() {
        _ if keyring >= 0 => Ok(()),
        Errno::NOSYS | Errno::PERM | Errno::ACCESS => Ok(()),
        errno => Err(errno),
    }
}

pub(super) fn own_pid() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get().cast_unsigned()
}

/// Installs the program with a listener. The second value says whether calls wait killably.
pub(crate) fn install(program: &Program) -> Result<(OwnedFd, bool), Errno> {
    let new_listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let (fd, wait_killable) =
        match install_with(program, new_listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
            // The kernel refuses flags that it does not know; those before 5.19 do not know the second.
            Err(Errno::INVAL) => (install_with(program, new_listener)?, false),
            result => (result?, true),
        };
    // SAFETY: with NEW_LISTENER the result is a new descriptor, owned by nobody else.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, wait_killable))
}

/// Returns what the call returns: a descriptor if the flags ask for one.
fn install_with(program: &Program, flags: libc::c_ulong) -> Result<RawFd, Errno> {
    let instructions = program.instructions();
    let program = libc::sock_fprog {
        // `assemble` bounds the length by 4096.
        len: u16::try_from(instructions.len()).map_err(|_| Errno::INVAL)?,
        filter: instructions.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the structure names instructions that are laid out as sock_filter and outlive the call; the kernel only
    // reads them.
    let fd =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    match i32::try_from(fd) {
        Ok(fd) if fd >= 0 => Ok(fd),
        _ => Err(last_errno()),
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// Default dispositions (except for the signals of the mask, which get ignored) and an empty mask.
///
/// By the kernel's own call, because the C library refuses the two signals that it keeps for itself, and whoever started
/// the launcher may have left even those ignored.
fn reset_signals(ignored: u64) {
    for signal in 1..=LAST_SIGNAL {
        let disposition = if ignored >> (signal - 1) & 1 == 1 { libc::SIG_IGN } else { libc::SIG_DFL };
        // The kernel's structure starts with the disposition; flags, restorer and mask are zero. It is never longer.
        let action = [disposition, 0, 0, 0, 0, 0];
        let (new, old) = (action.as_ptr(), std::ptr::null_mut::<libc::c_void>());
        // SAFETY: the kernel reads one live structure; the two special dispositions run no code of this process.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, SIGNAL_SET_BYTES) };
    }
    // SAFETY: a signal set is a C structure of integers, for which all zeros is a valid value.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer names a live signal set.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is initialised, and no old set is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
}

/// Whether the kernel has a session for this process.
fn has_session() -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut text = [0; 16];
    rustix::fs::open(c"/proc/self/sessionid", flags, Mode::empty())
        .and_then(|file| rustix::io::read(&file, &mut text))
        .is_ok_and(|length| text.get(..length).is_some_and(|value| value.trim_ascii() != UNSET))
}

/// Unsets the login uid if it is set.
fn reset_loginuid() -> LoginuidOutcome {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = match rustix::fs::open(c"/proc/self/loginuid", flags, Mode::empty()) {
        Ok(file) => file,
        // A kernel without audit, or no /proc here: nothing is set or nothing can be said.
        Err(Errno::NOENT) => return LoginuidOutcome::WasUnset,
        Err(errno) => return LoginuidOutcome::Refused(errno.raw_os_error()),
    };
    let mut text = [0; 16];
    let length = match rustix::io::read(&file, &mut text) {
        Ok(length) => length,
        Err(errno) => return LoginuidOutcome::Refused(errno.raw_os_error()),
    };
    let reads_unset = text.get(..length).is_some_and(|value| value.trim_ascii() == UNSET);
    // A user namespace that does not have the user shows the login uid as unset too. Whoever has one has a session.
    if reads_unset && !has_session() {
        return LoginuidOutcome::WasUnset;
    }
    match rustix::io::pwrite(&file, UNSET, 0) {
        Ok(_) => LoginuidOutcome::Reset,
        Err(errno) => LoginuidOutcome::Refused(errno.raw_os_error()),
    }
}
