//! Which task is in which namespace, by a real kernel. Needs root.

mod tags;
mod world;
