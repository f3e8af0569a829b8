//! What is packaged: names, version, time, and who maintains it.

use crate::command::{self, Failure, output};
use serde::Deserialize;

/// The package of the workspace whose program is shipped.
const PACKAGE: &str = "auditns";
/// Longest version, in bytes.
const VERSION_MAX: usize = 64;

/// What all files of a package have in common.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) name: &'static str,
    pub(crate) version: String,
    /// Debian's name of the architecture.
    pub(crate) architecture: String,
    pub(crate) description: String,
    /// A name and an address: the first author in Cargo's metadata, otherwise whoever made the last commit.
    pub(crate) maintainer: String,
    pub(crate) homepage: Option<String>,
    /// Seconds since 1970 of the last commit.
    pub(crate) epoch: u64,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    authors: Vec<String>,
    description: Option<String>,
    homepage: Option<String>,
}

impl Project {
    pub(crate) fn read(version: Option<String>) -> Result<Project, Failure> {
        let metadata = output(env!("CARGO"), &["metadata", "--no-deps", "--format-version", "1"])?;
        let metadata: Metadata = serde_json::from_slice(&metadata)
            .map_err(|error| Failure::new(format!("cargo's metadata are not understood ({error})")))?;
        let package = metadata.packages.into_iter().find(|package| package.name == PACKAGE);
        let package =
            package.ok_or_else(|| Failure::new(format!("the workspace has no package {PACKAGE}")))?;
        Ok(Project {
            name: PACKAGE,
            version: version.unwrap_or(package.version),
            architecture: line(&output("dpkg", &["--print-architecture"])?),
            description: package.description.unwrap_or_default(),
            maintainer: match package.authors.into_iter().next() {
                Some(author) => author,
                None => line(&output("git", &["log", "-1", "--format=%cn <%ce>"])?),
            },
            homepage: package.homepage,
            epoch: epoch()?,
        })
    }

    /// The beginning of the names of what is made.
    pub(crate) fn stem(&self, separator: char) -> String {
        let Project { name, version, architecture, .. } = self;
        format!("{name}{separator}{version}{separator}{architecture}")
    }

    /// The time of the last commit, as mail and changelogs have it.
    pub(crate) fn date(&self) -> Result<String, Failure> {
        let at = format!("--date=@{}", self.epoch);
        let mut date = command::command("date", &["--utc", "--rfc-email", &at]);
        let text = date.env("LC_ALL", "C").output();
        text.map(|output| line(&output.stdout)).map_err(|error| Failure::new(format!("date: {error}")))
    }
}

/// A version as Debian has it, of one that is no Debian revision of another's program.
pub(crate) fn version(text: &str) -> Result<String, String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".+~".contains(&byte);
    if text.len() <= VERSION_MAX
        && text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(known)
    {
        return Ok(text.to_owned());
    }
    Err(format!("a version begins with a digit and has 1 to {VERSION_MAX} letters, digits, '.', '+' and '~'"))
}

/// As the caller says, or of the last commit.
fn epoch() -> Result<u64, Failure> {
    let text = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => line(&output("git", &["log", "-1", "--format=%ct"])?),
    };
    text.parse().map_err(|_| {
        Failure::new(format!(
            "{text:?} is no time in seconds since 1970; unset SOURCE_DATE_EPOCH, or set it to one"
        ))
    })
}

fn line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_fit_into_file_names_and_control_files() {
        for good in ["0.1.0", "1.2~rc1", "1+b2"] {
            assert_eq!(version(good).as_deref(), Ok(good));
        }
        for bad in ["", "v1", "1-2", "1/..", "1\n2", "1:2", &"1".repeat(65)] {
            assert!(version(bad).is_err(), "{bad:?}");
        }
    }
}
