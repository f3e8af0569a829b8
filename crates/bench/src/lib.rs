//! Measures what audit clients wait for. `cargo xtask bench` runs it on the kernel and in audit namespaces, in turns.

pub mod client;
pub mod host;
pub mod measure;
pub mod report;
