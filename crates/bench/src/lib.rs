//! What `cargo xtask bench` runs on the kernel and in audit namespaces, in turns: audit clients, what keeps the kernel's
//! audit and processes for the time, and what they report.

pub mod calls;
pub mod client;
pub mod crowd;
pub mod guard;
pub mod login_files;
pub mod members;
pub mod profile;
pub mod report;
pub mod spread;
pub mod step;
pub mod workload;
