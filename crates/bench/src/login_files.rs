//! Opening files as whoever looks at login uids does, and as others do.

use crate::calls::fastest;
use crate::report::Calls;
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::io;

/// Nanoseconds of each, in batches of about `count`.
///
/// # Errors
/// What a call failed with.
pub fn measure(count: u32) -> io::Result<Calls> {
    let plain = OFlags::RDONLY | OFlags::CLOEXEC;
    let mut text = [0; 16];
    let mut read = |path: &str, flags| {
        let file = openat(CWD, path, flags, Mode::empty())?;
        Ok(rustix::io::read(&file, &mut text)?)
    };
    let mut calls = Calls::new();
    let mut note = |name: &str, time| calls.insert(name.to_owned(), time);
    // It takes a hundred times as long as the others where it is somebody else's answer.
    note("login uid", fastest(count / 20, || read("/proc/self/loginuid", plain | OFlags::NOFOLLOW))?);
    note("other file, O_NOFOLLOW", fastest(count / 4, || read("/dev/null", plain | OFlags::NOFOLLOW))?);
    note("other file", fastest(count / 4, || read("/dev/null", plain))?);
    Ok(calls)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_is_timed() {
        let calls = super::measure(40).unwrap();
        assert_eq!(calls.len(), 3);
        assert!(calls.values().all(|time| time.is_finite() && *time > 0.0), "{calls:?}");
    }
}
