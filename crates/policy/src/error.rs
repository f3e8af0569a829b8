//! Why a policy cannot be used.

use crate::bounds;
use std::io;
use std::path::PathBuf;

/// Why a policy cannot be used. Each message is a sentence that names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be opened.
    #[error("the policy file {path:?} cannot be opened ({error}); check its owner and mode")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The folder of a file cannot be opened, or a folder of drop-ins.
    #[error("the folder {path:?} of policy files cannot be opened ({error}); check its owner and mode")]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A folder of drop-ins cannot be listed.
    #[error(
        "the folder {path:?} of policy files cannot be listed ({error}); check the file system that it is on"
    )]
    ListFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file cannot be read.
    #[error("the policy file {path:?} cannot be read ({error}); check the file system that it is on")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A symbolic link leads nowhere.
    #[error(
        "the policy file {path:?} does not exist, but a symbolic link leads there; remove the link or make the file"
    )]
    Dangling {
        /// Where the link leads.
        path: PathBuf,
    },
    /// Too many symbolic links.
    #[error("the policy file {path:?} is behind too many symbolic links; make it a file")]
    TooManyLinks {
        /// The last link that was looked at.
        path: PathBuf,
    },
    /// No regular file.
    #[error("the policy file {path:?} is not a regular file; replace it by one")]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Anybody can write to a file or its folder.
    #[error(
        "{path:?} can be written by everybody (mode {mode:04o}), so its policy is not used; run: chmod o-w {path:?}"
    )]
    WorldWritable {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file or its folder belongs to somebody else.
    #[error("{path:?} belongs to user {owner}, so its policy is not used; run: chown root {path:?}")]
    ForeignOwner {
        /// The file or folder.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
    },
    /// A file is too long.
    #[error("the policy file {path:?} is longer than {limit} bytes; shorten it", limit = bounds::FILE_BYTES)]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// There are too many drop-ins.
    #[error("the folder {path:?} has more than {limit} policy files; put some of them together", limit = bounds::DROP_INS)]
    TooManyDropIns {
        /// The folder.
        path: PathBuf,
    },
    /// There are too many rules.
    #[error(
        "{path:?}, line {line}: this is one [[namespace]] more than {limit}; use patterns to put rules together",
        limit = bounds::NAMESPACE_RULES
    )]
    TooManyRules {
        /// The file.
        path: PathBuf,
        /// Where the rule begins, counted from 1.
        line: usize,
    },
    /// A file is not UTF-8.
    #[error("{path:?}, line {line}: this is not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// The file.
        path: PathBuf,
        /// Line of the first wrong byte, counted from 1.
        line: usize,
    },
    /// A file is not TOML.
    #[error("{path:?}, line {line}: this is not TOML ({reason}); correct the line")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line of the mistake, counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// A key is not known.
    #[error("{path:?}, line {line}: there is no key {key:?} in {section}; known are: {}", known.join(", "))]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// Line of the key, counted from 1.
        line: usize,
        /// Where it stands.
        section: &'static str,
        /// The key.
        key: String,
        /// All keys that may stand there.
        known: Vec<&'static str>,
    },
    /// A value is wrong.
    #[error(
        "{path:?}, line {line}: {key} in {section} is {value}, but must be {expected}; correct or remove it"
    )]
    Value {
        /// The file.
        path: PathBuf,
        /// Line of the value, counted from 1.
        line: usize,
        /// Where it stands.
        section: &'static str,
        /// Its key.
        key: &'static str,
        /// The value as the file has it, shortened and escaped.
        value: String,
        /// What may stand there.
        expected: String,
    },
}
