//! Paths in rules: what has to be looked up, and what came of it.

use auditns_wire::Errno;
use serde::{Deserialize, Serialize};

/// A file, as `stat` tells files apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileId {
    /// Device number (`st_dev`).
    pub device: u64,
    /// Inode number (`st_ino`).
    pub inode: u64,
}

/// Which field of a rule a path stands in; it decides how the path is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PathKind {
    /// `exe`: the parent directory must exist, symbolic links in it are followed; the last component may be missing and
    /// is taken as it is, without following a link, and must be a name, not `.` or `..`. A slash after the last component
    /// changes nothing (kernel: `kern_path_parent`).
    Exe,
    /// `watch`: looked up as [`PathKind::Exe`].
    Watch,
    /// `dir`: the path must exist, as a file of any type; links are followed except in the last component (kernel:
    /// `kern_path` without `LOOKUP_FOLLOW`).
    Dir,
}

/// A path to look up for a rule, in the mount namespace and root directory of the member that sent the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathQuestion {
    /// The path: 1..=4096 bytes, starts with `/`, holds no NUL.
    pub path: Vec<u8>,
    /// How to look it up.
    pub kind: PathKind,
}

/// What a look-up found: the file, nothing (its directory exists), or why the kernel's look-up fails.
///
/// The usual errors: `ENOENT` and `ENOTDIR` for the directory, `EINVAL` for `.`, `..` or `/` as the last component of
/// [`PathKind::Exe`] and [`PathKind::Watch`], `ENAMETOOLONG` for a component beyond 255 bytes or a path beyond 4095.
pub type PathAnswer = Result<Option<FileId>, Errno>;

/// The answers to the questions of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathAnswers {
    answers: Vec<(PathQuestion, PathAnswer)>,
}

impl PathAnswers {
    /// No answers: enough for a request that asks nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes an answer; the first one to a question counts.
    pub fn insert(&mut self, question: PathQuestion, answer: PathAnswer) {
        self.answers.push((question, answer));
    }

    /// The answer for this path, `ENOENT` if there is none: what nobody looked up does not exist.
    pub fn get(&self, kind: PathKind, path: &[u8]) -> PathAnswer {
        let known = self.answers.iter().find(|(question, _)| question.kind == kind && question.path == path);
        known.map_or(Err(Errno::ENOENT), |(_, answer)| *answer)
    }
}

impl FromIterator<(PathQuestion, PathAnswer)> for PathAnswers {
    fn from_iter<I: IntoIterator<Item = (PathQuestion, PathAnswer)>>(answers: I) -> Self {
        Self { answers: answers.into_iter().collect() }
    }
}
