//! What was kept, as the server finds it.

use auditns_sys::inherited;
use std::env;
use std::os::fd::OwnedFd;
use std::process;

/// Whom descriptors are for: the service manager names the process, [`crate::keep`], which cannot know it before it is made,
/// names itself as the parent.
pub(crate) const FOR_PROCESS: &str = "LISTEN_PID";
pub(crate) const FOR_CHILD_OF: &str = "AUDITNS_KEEPER_PID";
pub(crate) const COUNT: &str = "LISTEN_FDS";
pub(crate) const NAMES: &str = "LISTEN_FDNAMES";

/// Most descriptors that are kept.
pub(crate) const DESCRIPTORS_MAX: usize = 16_384;

/// Takes the descriptors that were kept, with their names, in the order in which they were. The first call alone gets them,
/// and it has to come before the program opens anything.
pub fn inherited() -> Vec<(String, OwnedFd)> {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().cast_unsigned());
    let ours = number(FOR_PROCESS) == Some(process::id())
        || number(FOR_CHILD_OF).is_some_and(|keeper| Some(keeper) == parent);
    let count = number(COUNT).filter(|_| ours).unwrap_or(0) as usize;
    let names = env::var(NAMES).unwrap_or_default();
    let names = names.split(':').map(str::to_owned).chain(std::iter::repeat(String::new()));
    let descriptors = inherited::take(count.min(DESCRIPTORS_MAX));
    names.zip(descriptors).filter_map(|(name, fd)| Some((name, fd?))).collect()
}
