//! The kernel's version.

use super::Support;

/// The oldest kernel that has everything required.
const NEEDED: (u32, u32) = (5, 14);

/// Version of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelVersion {
    /// First number; 0 if the release does not start with one.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// The release as `uname -r` prints it.
    pub release: String,
}

impl KernelVersion {
    /// The running kernel's.
    pub fn running() -> Self {
        Self::parse(&rustix::system::uname().release().to_string_lossy())
    }

    fn parse(release: &str) -> Self {
        let mut numbers =
            release.split(|letter: char| !letter.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
        let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        Self { major, minor, release: release.to_owned() }
    }

    /// Whether this is version `major.minor` or a later one.
    pub fn is_at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

pub(super) fn recent_enough(kernel: &KernelVersion) -> Support {
    Support::when(
        kernel.is_at_least(NEEDED.0, NEEDED.1),
        format!("This is Linux {}; auditns needs {}.{} or later.", kernel.release, NEEDED.0, NEEDED.1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_parse() {
        for (release, major, minor) in [
            ("6.1.0-41-amd64", 6, 1),
            ("5.14.0-503.el9.x86_64", 5, 14),
            ("7.2-rc1", 7, 2),
            ("6.18.44+", 6, 18),
            ("custom", 0, 0),
            ("", 0, 0),
            ("99999999999.1", 0, 1),
        ] {
            let version = KernelVersion::parse(release);
            assert_eq!((version.major, version.minor), (major, minor), "{release}");
        }
    }

    #[test]
    fn kernels_before_5_14_are_refused_and_said_so() {
        for release in ["5.13.19", "4.19.0-27-amd64", "3.10.0"] {
            let Support::Missing { reason } = recent_enough(&KernelVersion::parse(release)) else {
                panic!("{release} passed")
            };
            assert!(reason.contains(release) && reason.contains("5.14"), "{reason}");
        }
        for release in ["5.14.0", "5.15.1", "6.1.0", "10.0"] {
            assert_eq!(recent_enough(&KernelVersion::parse(release)), Support::Supported, "{release}");
        }
    }
}
