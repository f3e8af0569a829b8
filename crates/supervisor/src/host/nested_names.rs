//! Nested namespaces, as the rest of the host knows them.

use super::directory::{Directory, Entry};
use super::orders::{Order, Orders};
use crate::log::{Folder, FolderError};
use crate::origin::Origin;
use crate::server::nest::Register;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How many names are tried.
const NAMES: u32 = 10_000;
/// How long a process that outlives the supervisor before this one may hold a lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Enters the nested namespaces of one server into the directory.
#[derive(Debug)]
pub(super) struct NestedNames {
    directory: Arc<Directory>,
    /// Where orders to the server go.
    orders: Orders,
}

impl NestedNames {
    pub(super) fn new(directory: Arc<Directory>, orders: Orders) -> NestedNames {
        NestedNames { directory, orders }
    }
}

impl Register for NestedNames {
    fn open_folder(&self, contid: u64, parent: &Origin) -> io::Result<(String, Folder)> {
        let folders = parent.log_folder.parent().unwrap_or(Path::new("/"));
        for number in 1..=NAMES {
            let name = name(&parent.name, number);
            if !self.directory.reserve_nested(&name, contid) {
                continue;
            }
            match Folder::open(folders, &name) {
                Ok(folder) => return Ok((name, folder)),
                Err(FolderError::InUse { .. }) => {}
                Err(error) => {
                    self.directory.remove_nested(contid);
                    return Err(io::Error::other(error));
                }
            }
        }
        self.directory.remove_nested(contid);
        Err(rustix::io::Errno::NOSPC.into())
    }

    fn open_folder_again(&self, contid: u64, origin: &Origin) -> io::Result<Folder> {
        let folders = origin.log_folder.parent().unwrap_or(Path::new("/"));
        self.directory.reserve_nested(&origin.name, contid);
        Folder::open_in_time(folders, &origin.name, PATIENCE).map_err(io::Error::other)
    }

    fn add(&self, contid: u64, origin: &Origin) {
        let entry = Entry {
            name: origin.name.clone(),
            contid,
            uid: origin.uid,
            first: (origin.pid, origin.pid_started),
            container: None,
            orders: self.orders.of_nested(contid),
        };
        let orders = entry.orders.clone();
        if self.directory.add_nested(entry) {
            orders.leave(Order::Emptied);
        }
    }

    fn remove(&self, contid: u64) {
        self.directory.remove_nested(contid);
    }
}

/// The name of the namespace with that number inside one of that name. What is too long of that one is left out.
fn name(parent: &str, number: u32) -> String {
    let end = format!(".{number}");
    let most = crate::log::NAME_MAX - end.len();
    format!("{}{end}", parent.get(..most).unwrap_or(parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::valid_name;

    #[test]
    fn a_nested_namespace_is_called_after_its_parent() {
        assert_eq!(name("web", 1), "web.1");
        assert_eq!(name("web.1", 12), "web.1.12");
        for long in [60, 62, 63, 64] {
            let name = name(&"x".repeat(long), NAMES);
            assert!(valid_name(&name) && name.ends_with(".10000"), "{name}");
        }
    }
}
