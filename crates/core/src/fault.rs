//! Faults, made by hand, that the simulator (`crates/sim`) has to find. For its tests alone: the feature `faults` is off
//! by default and nothing that is shipped turns it on. Without it nothing of a fault is built.

#[cfg(feature = "faults")]
pub(crate) use switch::is_set;
#[cfg(feature = "faults")]
pub use switch::{Fault, set_fault};

/// `fault!(Name => statement)` is executed while the fault is set, and `fault!(Name: let variable = value)` gives a
/// variable another value then.
#[cfg(feature = "faults")]
macro_rules! fault {
    ($name:ident => $wrong:expr) => {
        if $crate::fault::is_set($crate::Fault::$name) {
            $wrong;
        }
    };
    ($name:ident: let $variable:ident = $wrong:expr) => {
        let $variable = if $crate::fault::is_set($crate::Fault::$name) { $wrong } else { $variable };
    };
}
#[cfg(not(feature = "faults"))]
macro_rules! fault {
    ($name:ident => $wrong:expr) => {};
    ($name:ident: let $variable:ident = $wrong:expr) => {};
}

#[cfg(feature = "faults")]
mod switch {
    use std::cell::Cell;

    /// One thing that a namespace can be made to do wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Fault {
        /// A lost record does not show in the status.
        LossNotShown,
        /// New records are sent before held ones.
        NewBeforeHeld,
        /// Records are taken from the wrong end of their queue, which is turned around each time.
        NewestFirst,
        /// Records are never sent a second time.
        RetriedNeverSent,
        /// Records that wait to be sent again stay there when the registration ends.
        RetriedNotHeld,
        /// Held records are dropped when an audit daemon registers.
        HeldDroppedAtRegistration,
        /// A queue takes one record more than the limit.
        LimitOffByOne,
        /// A sender waits one record too early.
        WaitsTooEarly,
        /// A sender is not woken when its time is over.
        WaiterNotWoken,
        /// A sender is woken, and its answers are dropped.
        WaiterLosesAnswers,
        /// A registration is acknowledged after the first record.
        AcknowledgedAfterRecord,
        /// Data comes before acknowledgements.
        DataBeforeAcknowledgement,
        /// An acknowledgement overtakes the record.
        AcknowledgedBeforeStored,
        /// What cannot be stored is acknowledged in spite of `failure` 2.
        NotStoredAcknowledged,
        /// Some serial numbers come twice.
        SerialReused,
        /// A record is sent to the daemon of a registration that has ended.
        SentToFormerDaemon,
        /// The rate's window never begins anew.
        RateNeverRenewed,
        /// Bytes of records that leave the queues still count.
        BytesNotGivenBack,
        /// Bytes of queued records are forgotten when a namespace is read back.
        BytesForgottenWhenRead,
        /// An attempt waits a tick too long for room.
        AttemptTooLong,
        /// Records name another namespace in the host's log.
        NamesAnotherNamespace,
        /// The record in hand does not count where queued bytes are bounded.
        HandNotCounted,
        /// Held records that take all the memory are not sent.
        NudgeForgotten,
        /// A refusal that nobody asked for overtakes answers that are held back.
        RefusalOutOfPlace,
        /// The rate's window ends too early, by a microsecond.
        RateRenewedEarly,
        /// An attempt waits for room anew each time it finds none.
        AttemptRenewed,
        /// A pass wakes all senders that wait, and not one.
        AllWoken,
        /// What members of a nested namespace send is handled by the one that the host has made.
        NestedHandledByParent,
        /// A nested namespace ends without an END record.
        NestedEndMissing,
        /// A namespace is acknowledged before its first members are in it.
        CreationAcknowledgedEarly,
        /// A nested namespace begins with the backlog limit of its parent.
        LimitInherited,
    }

    impl Fault {
        /// All there are.
        pub const ALL: &[Fault] = &[
            Fault::LossNotShown,
            Fault::NewBeforeHeld,
            Fault::NewestFirst,
            Fault::RetriedNeverSent,
            Fault::RetriedNotHeld,
            Fault::HeldDroppedAtRegistration,
            Fault::LimitOffByOne,
            Fault::WaitsTooEarly,
            Fault::WaiterNotWoken,
            Fault::WaiterLosesAnswers,
            Fault::AcknowledgedAfterRecord,
            Fault::DataBeforeAcknowledgement,
            Fault::AcknowledgedBeforeStored,
            Fault::NotStoredAcknowledged,
            Fault::SerialReused,
            Fault::SentToFormerDaemon,
            Fault::RateNeverRenewed,
            Fault::BytesNotGivenBack,
            Fault::BytesForgottenWhenRead,
            Fault::AttemptTooLong,
            Fault::NamesAnotherNamespace,
            Fault::HandNotCounted,
            Fault::NudgeForgotten,
            Fault::RefusalOutOfPlace,
            Fault::RateRenewedEarly,
            Fault::AttemptRenewed,
            Fault::AllWoken,
            Fault::NestedHandledByParent,
            Fault::NestedEndMissing,
            Fault::CreationAcknowledgedEarly,
            Fault::LimitInherited,
        ];
    }

    thread_local! {
        static FAULT: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Makes every namespace on this thread do this wrong, until another fault is set or none.
    pub fn set_fault(fault: Option<Fault>) {
        FAULT.set(fault);
    }

    pub(crate) fn is_set(fault: Fault) -> bool {
        FAULT.get() == Some(fault)
    }
}
