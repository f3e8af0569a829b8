//! Who waits until a caller's thread has taken its descriptor: the namespace's own thread, as long as that is quick.

use auditns_sys::{InjectError, Patience};
use std::time::{Duration, Instant};

/// Callers that run take some 5 us. What the others of a namespace can be made to wait for one that does not.
const AT_ONCE: Duration = Duration::from_millis(1);
/// For one that was late nobody is waited for during so long: a member that makes others wait does so for a hundredth of the time.
const FOR_ONE_THAT_WAS_LATE: Duration = Duration::from_millis(100);
/// So much of that is put off: now and then any caller is late, because others have its processor.
const PUT_OFF: Duration = Duration::from_millis(900);

/// Whether callers are quick.
#[derive(Debug, Default)]
pub(super) struct HandingOver {
    /// When it is made up for all that were late.
    made_up: Option<Instant>,
}

impl HandingOver {
    /// Hands a descriptor over, unless that takes time: then it has not been handed over.
    pub(super) fn at_once<T>(
        &mut self,
        now: Instant,
        hand_over: impl FnOnce(Patience) -> Result<T, InjectError>,
    ) -> Option<Result<T, InjectError>> {
        let made_up = self.made_up.filter(|time| now < *time).unwrap_or(now);
        if made_up - now > PUT_OFF {
            return None;
        }
        match hand_over(Patience::For(AT_ONCE)) {
            Err(InjectError::NotInTime) => {
                self.made_up = Some(made_up + FOR_ONE_THAT_WAS_LATE);
                None
            }
            outcome => Some(outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one that takes so long, as the server sees it, was waited for.
    fn is_waited_for(handing_over: &mut HandingOver, now: Instant, is_late: bool) -> bool {
        let mut waited = false;
        let outcome = handing_over.at_once(now, |patience| {
            assert_eq!(patience, Patience::For(AT_ONCE));
            waited = true;
            if is_late { Err(InjectError::NotInTime) } else { Ok(863) }
        });
        assert_eq!(outcome.map(Result::unwrap), (waited && !is_late).then_some(863));
        waited
    }

    #[test]
    fn one_that_is_late_now_and_then_changes_nothing() {
        let mut handing_over = HandingOver::default();
        let begin = Instant::now();
        for millis in 0..10_000 {
            let now = begin + Duration::from_millis(millis);
            assert!(is_waited_for(&mut handing_over, now, millis % 200 == 0), "{millis}");
        }
    }

    #[test]
    fn those_who_are_always_late_make_others_wait_for_a_hundredth_of_the_time() {
        let mut handing_over = HandingOver::default();
        let begin = Instant::now();
        let waited = (0..10_000)
            .filter(|millis| is_waited_for(&mut handing_over, begin + Duration::from_millis(*millis), true));
        assert_eq!(waited.count(), 10 + 99);
    }
}
