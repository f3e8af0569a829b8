//! Actors: processes that execute socket primitives on command and report exactly what came back.

mod handle;
mod order;
mod perform;

pub(crate) use handle::Actor;
pub(crate) use order::{Answer, Datagram, Expected, Order, Wait};
