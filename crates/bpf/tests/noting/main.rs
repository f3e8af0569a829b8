//! What is noted, by a real kernel, of processes of their own: `examples/sender.rs`. Needs root.

mod identities;
mod object;
mod refusals;
mod sharing;
mod slots;
mod world;
