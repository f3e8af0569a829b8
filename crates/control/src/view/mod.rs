//! Namespaces for people: texts for a terminal, in which nothing from a container or a client moves the cursor.

mod columns;
mod details;
mod table;
mod time;
mod top;

#[cfg(test)]
mod tests;

pub use details::details;
pub use table::table;
pub use time::date;
pub use top::{Sample, frame};
