//! User and group ids inside and outside of a user namespace.

use super::namespace::{NamespaceFile, NamespaceKind};
use super::procfs;
use std::io;

/// More lines a map never has (kernel: `UID_GID_MAP_MAX_EXTENTS`).
const MOST_EXTENTS: usize = 340;

/// Which ids a map is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// User ids.
    Users,
    /// Group ids.
    Groups,
}

/// A run of ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Extent {
    inside: u32,
    outside: u32,
    count: u32,
}

/// How ids of a task's user namespace correspond to those of this process's.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct IdMap(Vec<Extent>);

impl IdMap {
    /// Reads the map of a task's user namespace.
    ///
    /// The kernel writes the file from the reader's point of view, except in the reader's own namespace, where it shows
    /// the parent's ids (kernel: `uid_m_show`): there the map is the identity.
    ///
    /// # Errors
    /// `ESRCH` if there is no such task; `EACCES` or `EPERM` if this process may not look at its namespaces.
    pub fn read(pid: u32, kind: IdKind) -> io::Result<Self> {
        let theirs = NamespaceFile::of_pid(pid, NamespaceKind::User)?;
        if theirs.id() == NamespaceFile::own(NamespaceKind::User)?.id() {
            return Ok(Self::identity());
        }
        let name = match kind {
            IdKind::Users => "uid_map",
            IdKind::Groups => "gid_map",
        };
        Self::parse(&procfs::read_text(pid, name)?)
    }

    /// The map of a namespace onto itself.
    pub fn identity() -> Self {
        Self(vec![Extent { inside: 0, outside: 0, count: u32::MAX }])
    }

    /// Parses the text of a map: lines of first id inside, first id outside, number of ids.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if the text is anything else, or longer than the kernel permits.
    pub fn parse(text: &str) -> io::Result<Self> {
        let extents: Option<Vec<Extent>> = text.lines().map(extent).collect();
        match extents {
            Some(extents) if extents.len() <= MOST_EXTENTS => Ok(Self(extents)),
            _ => Err(procfs::malformed("an id map")),
        }
    }

    /// The runs of ids inside: first id and count.
    pub fn inside_ranges(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().map(|extent| (extent.inside, extent.count))
    }

    /// Whether nothing is mapped, as in a user namespace whose maps are not written yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id inside of an id of this process's namespace; `None` if it is not mapped.
    pub fn to_inside(&self, outside: u32) -> Option<u32> {
        self.0.iter().find_map(|extent| shift(outside, extent.outside, extent.inside, extent.count))
    }

    /// The id in this process's namespace of an id inside; `None` if it is not mapped.
    pub fn to_host(&self, inside: u32) -> Option<u32> {
        self.0.iter().find_map(|extent| shift(inside, extent.inside, extent.outside, extent.count))
    }
}

fn extent(line: &str) -> Option<Extent> {
    let mut numbers = line.split_ascii_whitespace().map(|field| field.parse().ok());
    let extent = Extent { inside: numbers.next()??, outside: numbers.next()??, count: numbers.next()?? };
    numbers.next().is_none().then_some(extent)
}

/// Moves `id` from the run at `from` to the run at `to`, if it lies within `count` ids.
fn shift(id: u32, from: u32, to: u32, count: u32) -> Option<u32> {
    let distance = id.checked_sub(from).filter(|distance| *distance < count)?;
    to.checked_add(distance)
}
