//! Going below the filter oneself, before executing something else.

use super::child::{Programs, install, set_no_new_privileges_if_needed};
use super::{LaunchError, LoginuidOutcome, LoginuidReset, Step, child};
use crate::filter::FilterOptions;
use crate::listener::Listener;

/// This thread, below the filter: what it executes and starts is, too, for good.
#[derive(Debug)]
pub struct Entered {
    /// The notifications of whatever is below the filter, this thread included. It is closed on exec.
    pub listener: Listener,
    /// See [`super::Launched::no_new_privileges`].
    pub no_new_privileges: bool,
    /// See [`super::Launched::wait_killable`].
    pub wait_killable: bool,
    /// See [`super::Launched::loginuid`].
    pub loginuid: LoginuidOutcome,
}

/// Unsets the login uid of this thread, if asked for, and installs the filter. Until somebody answers, calls that the
/// filter stops wait, those of this thread as well. Other threads of this process stay outside.
///
/// # Errors
/// See [`LaunchError`]; with those of the filter this thread has no filter.
pub fn enter(options: FilterOptions, loginuid: LoginuidReset) -> Result<Entered, LaunchError> {
    let programs = Programs::assemble(options).map_err(LaunchError::Filter)?;
    let failed =
        |(step, errno): (Step, rustix::io::Errno)| LaunchError::from_step(step, errno.raw_os_error());
    let no_new_privileges = set_no_new_privileges_if_needed().map_err(failed)?;
    let loginuid = child::unset_loginuid(loginuid).map_err(failed)?;
    let program = programs.suiting(loginuid);
    let (listener, wait_killable) = install(program).map_err(|errno| failed((Step::Filter, errno)))?;
    Ok(Entered { listener: Listener::from(listener), no_new_privileges, wait_killable, loginuid })
}
