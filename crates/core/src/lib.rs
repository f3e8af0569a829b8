//! The audit namespace: a pure state machine that answers as the kernel's audit subsystem does.
//!
//! [`Namespace::handle`] takes one [`Input`] and the time; [`Namespace::poll_action`] yields what is to be done, in
//! order. A [`Family`] is a namespace and those that its members have made inside, which share its sockets. There is no clock, no socket and no unsafe code here. Looked-up facts come in as data
//! ([`Namespace::inquire`] says which are needed), outcomes of I/O come back as inputs.
//!
//! The contract is Linux 6.18 booted with `audit=1`, seen from the initial namespaces.
#![forbid(unsafe_code)]

#[macro_use]
mod fault;

mod action;
mod bytes;
mod config;
mod family;
mod input;
mod login;
mod mapped_ids;
mod namespace;
mod output;
pub mod rules;
mod sender;
pub mod socket;
pub mod time;

pub use action::{Action, EndpointId, LossReason, Notice};
pub use config::{Config, Nesting, Policy};
pub use family::{Creation, Family};
#[cfg(feature = "faults")]
pub use fault::{Fault, set_fault};
pub use input::{Answers, Created, Delivery, Entrance, Input, Inquiry, OwnedInput, OwnedSocketRequest};
pub use login::{KernelLogin, Login, LoginSource, refusal_of_write};
pub use mapped_ids::MappedIds;
pub use namespace::{Counters, Namespace, QueueLengths};
pub use sender::{Capabilities, ProcessId, Sender, Standing, TaskDetails};
pub use time::Now;
