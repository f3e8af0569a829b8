//! Where a thread that moves runs.

use super::sharing::Place;
use auditns_sys::placement::Placement;

/// A thread that goes where its client is, or elsewhere.
#[derive(Debug)]
pub(super) struct Stay {
    placement: Option<Placement>,
    place: Place,
}

impl Stay {
    /// Of a thread that may run there, if that can be told.
    pub(super) fn new(placement: Option<Placement>) -> Stay {
        Stay { placement, place: Place::Anywhere }
    }

    /// Goes there, if it can.
    pub(super) fn go(&mut self, place: Place) {
        if place == self.place {
            return;
        }
        let Some(placement) = &self.placement else { return };
        self.place = place;
        match place {
            Place::Anywhere => placement.release(),
            Place::On(processor) => {
                placement.keep_on(processor);
            }
            Place::Beside(processor) => {
                placement.keep_off(processor);
            }
        }
    }
}
