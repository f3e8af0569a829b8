//! Keepers and servers as processes of their own: `examples/kept.rs` is both.

mod ends;
mod hands_over;
mod service_manager;
mod world;
