//! Descriptors are brought to the numbers from 3 on by exchanging numbers: no open file is lost on the way, whatever was
//! at those numbers before, and every step can be taken back.

use super::{FIRST, MOST};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Exchanges after which the descriptors are at their places. Made before a fork, so that the child need not allocate.
#[derive(Debug)]
pub(super) struct Placement {
    exchanges: Vec<(RawFd, RawFd)>,
    end: RawFd,
}

impl Placement {
    /// # Errors
    /// `InvalidInput` if there are more than [`MOST`], one comes twice, or one is a standard stream.
    pub(super) fn new(fds: &[BorrowedFd<'_>]) -> io::Result<Placement> {
        let numbers: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        Placement::of_numbers(numbers).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn of_numbers(mut numbers: Vec<RawFd>) -> Option<Placement> {
        let count = RawFd::try_from(numbers.len()).ok().filter(|_| numbers.len() <= MOST)?;
        let mut index_at: HashMap<_, _> =
            numbers.iter().enumerate().map(|(index, number)| (*number, index)).collect();
        if index_at.len() != numbers.len() || numbers.iter().any(|number| *number < FIRST) {
            return None;
        }
        let mut exchanges = Vec::new();
        for (index, place) in (FIRST..FIRST + count).enumerate() {
            let number = *numbers.get(index)?;
            if number == place {
                continue;
            }
            exchanges.push((number, place));
            if let Some(displaced) = index_at.remove(&place) {
                *numbers.get_mut(displaced)? = number;
                index_at.insert(number, displaced);
            }
        }
        Some(Placement { exchanges, end: FIRST + count })
    }

    /// Brings the descriptors to their places, and makes them stay open over an exec. `followed` is a number that
    /// changes with the file at it. Async-signal-safe.
    ///
    /// # Errors
    /// `EMFILE` or `EBADF` if the limit on open files is too low; everything is where it was then.
    pub(super) fn apply(&self, followed: &mut RawFd) -> Result<(), Errno> {
        for (done, (number, place)) in self.exchanges.iter().enumerate() {
            if let Err(errno) = exchange(*number, *place, followed) {
                self.take_back(done, followed);
                return Err(errno);
            }
        }
        self.set_flags(0);
        Ok(())
    }

    /// Brings everything back to where it was before [`Placement::apply`].
    pub(super) fn undo(&self, followed: &mut RawFd) {
        self.set_flags(libc::FD_CLOEXEC);
        self.take_back(self.exchanges.len(), followed);
    }

    fn take_back(&self, done: usize, followed: &mut RawFd) {
        for (number, place) in self.exchanges.iter().take(done).rev() {
            // Both numbers were in use a moment ago, so nothing is in the way.
            let _ = exchange(*place, *number, followed);
        }
    }

    fn set_flags(&self, flags: libc::c_int) {
        for number in FIRST..self.end {
            // SAFETY: sets a flag of a number that is open, since a descriptor has just been put there.
            unsafe { libc::fcntl(number, libc::F_SETFD, flags) };
        }
    }
}

/// Exchanges the file at `number` with that at `place`, which may be free. Both are close-on-exec afterwards.
fn exchange(number: RawFd, place: RawFd, followed: &mut RawFd) -> Result<(), Errno> {
    // SAFETY: copies whatever is at a number to a free one.
    match check(unsafe { libc::fcntl(place, libc::F_DUPFD_CLOEXEC, 0) }) {
        Ok(aside) => {
            let moved = duplicate_to(number, place).and_then(|()| duplicate_to(aside, number));
            close(aside);
            moved?;
        }
        Err(Errno::BADF) => {
            duplicate_to(number, place)?;
            close(number);
        }
        Err(errno) => return Err(errno),
    }
    if *followed == number {
        *followed = place;
    } else if *followed == place {
        *followed = number;
    }
    Ok(())
}

fn duplicate_to(number: RawFd, place: RawFd) -> Result<(), Errno> {
    // SAFETY: what is at the place has been copied by the caller, who gives the numbers back before anyone uses them.
    check(unsafe { libc::dup3(number, place, libc::O_CLOEXEC) }).map(|_| ())
}

fn close(number: RawFd) {
    // SAFETY: the caller has put a copy of the file at its new number.
    unsafe { libc::close(number) };
}

fn check(returned: libc::c_int) -> Result<RawFd, Errno> {
    if returned < 0 {
        Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    } else {
        Ok(returned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is at each number after the exchanges, if at first each number holds itself.
    fn outcome(placement: &Placement) -> HashMap<RawFd, RawFd> {
        let mut at = HashMap::new();
        for (number, place) in &placement.exchanges {
            let (one, other) = (*at.get(number).unwrap_or(number), *at.get(place).unwrap_or(place));
            at.insert(*place, one);
            at.insert(*number, other);
        }
        at
    }

    proptest::proptest! {
        #[test]
        fn every_order_of_numbers_is_brought_to_its_places(
            numbers in proptest::collection::hash_set(FIRST..60, 0..40),
        ) {
            let numbers: Vec<_> = numbers.into_iter().collect();
            let placement = Placement::of_numbers(numbers.clone()).unwrap();
            let at = outcome(&placement);
            for (place, number) in (FIRST..).zip(&numbers) {
                assert_eq!(at.get(&place).unwrap_or(&place), number, "{numbers:?}");
            }
        }
    }

    #[test]
    fn impossible_placements_are_refused() {
        assert!(Placement::of_numbers(vec![5, 5]).is_none());
        assert!(Placement::of_numbers(vec![2]).is_none());
        let many = |count: usize| (FIRST..).take(count).collect::<Vec<_>>();
        assert!(Placement::of_numbers(many(MOST)).is_some_and(|placement| placement.exchanges.is_empty()));
        assert!(Placement::of_numbers(many(MOST + 1)).is_none());
    }
}
