//! End-to-end tests with real programs: auditd, auditctl, sshd, login, su, sudo, cron and shadow as Debian 12 ships
//! them, in containers made of plain namespaces, and in some that systemd boots, served by the real `auditns` program.
//!
//! The tests need root (they make containers in the initial user namespace, write login uids and start sshd), and
//! Debian packages that are installed from the machine's own package sources when they are missing. Everything
//! they make lives below `target/e2e`: the cached root file systems and one directory for each run, removed when the
//! test succeeds. Environment:
//!
//! | variable | meaning |
//! |---|---|
//! | `AUDITNS_BIN` | the program under test; otherwise the newest `auditns` of the build folders |
//! | `AUDITNS_E2E_KEEP` | keep the directories of all runs |
//! | `AUDITNS_E2E_SOURCES` | an apt sources file for the root file systems, instead of the machine's own |

pub mod auditns;
pub mod battery;
pub mod clients;
pub mod container;
pub mod host;
pub mod hostile;
pub mod log;
pub mod lxc;
pub mod machine;
pub mod managers;
pub mod packaged;
mod packages;
pub mod process;
pub mod rootfs;
pub mod senders;
pub mod soak;
pub mod strace;
pub mod supervised;
pub mod tools;
pub mod workdir;
