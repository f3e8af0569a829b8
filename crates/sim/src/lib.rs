//! Drives audit namespaces through random histories on virtual time.
//!
//! The namespaces are those of `auditns_core`, as they are shipped. Members, audit daemons, logs, clocks and the hosts'
//! commands come from a list of steps, which follows from a seed; after every step namespaces are compared with a model
//! of them, and rules are checked that hold whatever the model says. A history that fails is shrunk.
#![forbid(unsafe_code)]

mod books;
mod edge;
pub mod families;
mod model;
mod people;
pub mod plan;
mod request;
mod run;
mod seen;
mod shrink;
pub mod step;
mod tally;
mod text;
mod world;

pub use run::{Failure, play, run};
pub use tally::Tally;
