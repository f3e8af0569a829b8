//! A capability for one step.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// As long as the value lives, a capability that is permitted to this thread is effective, too. Without the permission
/// nothing changes, and the kernel gives its own answer to what is tried.
#[derive(Debug)]
pub(super) struct Raised(Option<CapabilitySets>);

impl Raised {
    pub(super) fn new(capability: CapabilitySet) -> Raised {
        let before = capabilities(None).ok();
        let before =
            before.filter(|sets| sets.permitted.contains(capability) && !sets.effective.contains(capability));
        let raised = before.filter(|sets| {
            let effective = sets.effective | capability;
            set_capabilities(None, CapabilitySets { effective, ..*sets }).is_ok()
        });
        Raised(raised)
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            // To give up what one has is never refused.
            let _ = set_capabilities(None, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn what_is_permitted_is_effective_for_a_while() {
        // Capabilities are a thread's.
        let seen = thread::spawn(|| {
            let effective = || capabilities(None).unwrap().effective.contains(CapabilitySet::DAC_OVERRIDE);
            let all = capabilities(None).unwrap();
            let without = all.effective - CapabilitySet::DAC_OVERRIDE;
            set_capabilities(None, CapabilitySets { effective: without, ..all }).unwrap();
            let raised = Raised::new(CapabilitySet::DAC_OVERRIDE);
            let while_raised = effective();
            drop(raised);
            let afterwards = effective();
            let permitted = all.permitted - CapabilitySet::DAC_OVERRIDE;
            set_capabilities(None, CapabilitySets { effective: without, permitted, ..all }).unwrap();
            let _raised = Raised::new(CapabilitySet::DAC_OVERRIDE);
            (while_raised, afterwards, effective())
        });
        assert_eq!(seen.join().unwrap(), (true, false, false));
    }
}
