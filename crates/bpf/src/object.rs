//! Loading the object.

use crate::skeleton::{AuditnsSkel, AuditnsSkelBuilder, OpenAuditnsSkel};
use crate::{LoadError, SLOTS_MAX, host};
use libbpf_rs::libbpf_sys::BPF_FUNC_task_storage_get;
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{OpenObject, PrintLevel, ProgramType, set_print};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, PoisonError};

/// Fewest slots: few enough for a page or two, and more than are searched for one socket.
pub(crate) const SLOTS_MIN: u32 = 64;
/// Longest part of what libbpf says that is repeated, in bytes.
const SAID_MAX: usize = 300;

/// The first complaint of libbpf's since the object was opened.
static SAID: Mutex<String> = Mutex::new(String::new());

/// Which programs are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Programs<'k> {
    /// That which notes senders.
    Steering,
    /// All.
    All(Option<Maps<'k>>),
}

/// Maps of a process before this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maps<'k> {
    pub(crate) tags: BorrowedFd<'k>,
    pub(crate) tagged: BorrowedFd<'k>,
    pub(crate) state: BorrowedFd<'k>,
    pub(crate) events: BorrowedFd<'k>,
}

/// Twice as many slots as connections.
pub(crate) fn slots_for(connections: u32) -> u32 {
    connections.saturating_mul(2).clamp(SLOTS_MIN, SLOTS_MAX).next_power_of_two()
}

/// Loads programs, with so many slots. `storage` is where the object lives.
pub(crate) fn load<'o>(
    storage: &'o mut MaybeUninit<OpenObject>,
    programs: Programs<'_>,
    slots: u32,
) -> Result<AuditnsSkel<'o>, LoadError> {
    host::check()?;
    said().clear();
    set_print(Some((PrintLevel::Warn, hear)));
    let prepare = |error| LoadError::Prepare { error, said: said().clone() };
    let mut open = AuditnsSkelBuilder::default().open(storage).map_err(prepare)?;
    open.maps.slots.set_max_entries(slots).map_err(prepare)?;
    if let Some(constants) = &mut open.maps.rodata_data {
        constants.slot_mask = slots - 1;
        let has_call = ProgramType::SocketFilter.is_helper_supported(BPF_FUNC_task_storage_get);
        constants.has_storage_call = has_call.unwrap_or(false).into();
    }
    said().clear();
    match programs {
        Programs::Steering => leave_out(&mut open).map_err(prepare)?,
        Programs::All(Some(Maps { tags, tagged, state, events })) => {
            open.maps.tags.reuse_fd(tags).map_err(prepare)?;
            open.maps.tagged.reuse_fd(tagged).map_err(prepare)?;
            open.maps.state.reuse_fd(state).map_err(prepare)?;
            open.maps.events.reuse_fd(events).map_err(prepare)?;
        }
        Programs::All(None) => {}
    }
    open.load().map_err(|error| LoadError::Refused { error, said: said().clone() })
}

/// All but what notes senders.
fn leave_out(open: &mut OpenAuditnsSkel<'_>) -> libbpf_rs::Result<()> {
    let programs = &mut open.progs;
    for program in [
        &mut programs.inherit,
        &mut programs.leave,
        &mut programs.note_listener,
        &mut programs.report,
        &mut programs.give,
        &mut programs.find_storage,
    ] {
        program.set_autoload(false);
    }
    for map in [&mut open.maps.tagged, &mut open.maps.events, &mut open.maps.chains, &mut open.maps.passes] {
        map.set_autocreate(false)?;
    }
    Ok(())
}

fn said() -> std::sync::MutexGuard<'static, String> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

#[allow(clippy::needless_pass_by_value, reason = "as libbpf wants it")]
fn hear(_: PrintLevel, text: String) {
    let mut said = said();
    if said.is_empty() {
        let line = text.lines().next().unwrap_or_default().trim_start_matches("libbpf: ");
        said.extend(line.chars().take(SAID_MAX));
    }
}
