//! Looking for inputs that a check does not stand.

use crate::shrink::shrink;
use crate::{Target, mutation};
use fastrand::Rng;
use std::any::Any;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The number that decides the first mutation; the next one's is one more.
    pub first: u64,
    /// Mutations.
    pub cases: u64,
}

/// A check did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The target's name.
    pub target: &'static str,
    /// The number that decides the mutation, or the seed as it is.
    pub origin: String,
    /// What the check said of the smallest input.
    pub said: String,
    /// The smallest input that was found to fail.
    pub smallest: Vec<u8>,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { target, origin, said, smallest } = self;
        write!(
            out,
            "the target {target} fails on {origin}: {said}\nsmallest input, {} bytes: ",
            smallest.len()
        )?;
        smallest.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        write!(out, "\nas text: {}", smallest.escape_ascii())
    }
}

/// Gives a target its seeds, then mutations of them.
///
/// # Errors
/// The first failure, with the smallest input that comes of it.
pub fn search(target: &Target, seeds: &[Vec<u8>], Search { first, cases }: Search) -> Result<(), Failure> {
    for (number, seed) in seeds.iter().enumerate() {
        attempt(target, &format!("seed file {number}"), seed)?;
    }
    for number in (first..).take(usize::try_from(cases).unwrap_or(usize::MAX)) {
        let input = mutation::input(&mut Rng::with_seed(number), target, seeds);
        attempt(target, &format!("mutation {number}"), &input)?;
    }
    Ok(())
}

fn attempt(target: &Target, origin: &str, input: &[u8]) -> Result<(), Failure> {
    let Err(said) = held(target.check, input) else { return Ok(()) };
    // A failure is played some thousand times, and its panic is to be read once.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let smallest = shrink(input.to_vec(), |bytes| held(target.check, bytes).is_err());
    let said = held(target.check, &smallest).err().unwrap_or(said);
    panic::set_hook(hook);
    Err(Failure { target: target.name, origin: origin.to_owned(), said, smallest })
}

/// What the check panics with, if it does.
fn held(check: fn(&[u8]), input: &[u8]) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(|| check(input))).map_err(|panic| text(&*panic))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_it_comes_from_and_what_is_needed() {
        let target = Target {
            name: "test",
            check: |bytes| assert!(!bytes.contains(&0x80), "there is a byte"),
            words: &[b"word"],
        };
        let search = |first, cases| search(&target, &[b"a seed".to_vec()], Search { first, cases });
        let failure = search(0, 10_000).unwrap_err();
        assert_eq!((failure.said.as_str(), &failure.smallest[..]), ("there is a byte", &[0x80][..]));
        let number = failure.origin.strip_prefix("mutation ").unwrap().parse().unwrap();
        assert_eq!(search(number, 1), Err(failure.clone()), "the number gives the same again");
        assert!(failure.to_string().ends_with("smallest input, 1 bytes: 80\nas text: \\x80"));
    }
}
