//! Which task is in which namespace, by a real kernel. Needs root.

mod chains;
mod process;
mod short_lived;
mod tags;
mod world;
