//! The policy file: what namespaces get, and how many there may be.
//!
//! The policy of a host stands in one TOML file, usually `/etc/auditns/auditns.toml`, and in the drop-ins of the folder
//! beside it whose name ends in `.d`. [`Policy::example`] shows every key with its default; [`Policy::load`] reads the
//! files; [`Policy::settings_for`] says what one namespace gets.
#![forbid(unsafe_code)]

pub mod bounds;
mod error;
mod files;
mod parse;
mod pattern;
mod policy;
mod rule;
mod settings;
mod show;
mod size;
mod trusted;

pub use error::PolicyError;
pub use pattern::Pattern;
pub use policy::Policy;
pub use rule::{Refused, Who};
pub use settings::{Forward, Limits, Loginuid, Mode, OnMissing, Settings};
