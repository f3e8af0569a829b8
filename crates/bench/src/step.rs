//! How a program of a benchmark is led: it says that it is ready, and does one step for each line that it reads.

use serde::Serialize;
use std::io::{self, Read as _, Write as _};

/// What a program prints first.
pub const READY: &str = "ready";

/// Says so, with what else is to be known.
///
/// # Errors
/// Nobody reads.
pub fn say_ready(more: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{READY} {more}")?;
    out.flush()
}

/// Waits for the next line. False: there will be none.
///
/// # Errors
/// Standard input cannot be read.
pub fn wait() -> io::Result<bool> {
    // Without a buffer: others may read the same pipe.
    let mut byte = [0];
    loop {
        match io::stdin().lock().read(&mut byte) {
            Ok(0) => return Ok(false),
            Ok(_) if byte == *b"\n" => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Prints what a step has come to.
///
/// # Errors
/// Nobody reads.
pub fn tell(report: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

/// One step for each line, until there are no more.
///
/// # Errors
/// What a step failed with.
pub fn each<R: Serialize>(mut step: impl FnMut() -> io::Result<R>) -> io::Result<()> {
    say_ready("")?;
    while wait()? {
        tell(&step()?)?;
    }
    Ok(())
}
