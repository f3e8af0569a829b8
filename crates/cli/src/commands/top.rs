//! `auditns top`.

use super::client::{Failure, connect, exit_code};
use super::views::print;
use crate::options::Top;
use auditns_control::view::{Sample, frame};
use auditns_sys::clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::time::Duration;

/// Size of a page where there is no terminal.
const PAGE: (usize, usize) = (120, 40);

pub(crate) fn run(top: &Top) -> ExitCode {
    exit_code(pages(top))
}

fn pages(top: &Top) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    let most = top.count.or((!terminal).then_some(1));
    let keys = Keys::new();
    let mut client = connect(&top.supervisor)?;
    let mut previous = sample(client.list()?);
    for page in 1.. {
        // The first page compares with a moment before.
        let wait = if page == 1 { Duration::from_millis(500) } else { Duration::from_secs(top.interval) };
        if keys.pressed_q_within(wait) {
            break;
        }
        let current = sample(client.list()?);
        let (width, height) = size().unwrap_or(PAGE);
        let lines = frame(&previous, &current, width, height);
        let (begin, end) = if terminal { ("\x1b[H\x1b[2J", "") } else { ("", "\n") };
        print(&format!("{begin}{}{end}", lines.join("\n")))?;
        previous = current;
        if most == Some(page) {
            break;
        }
    }
    if terminal { print("\n") } else { Ok(()) }
}

fn sample(namespaces: Vec<auditns_control::interface::NamespaceInfo>) -> Sample {
    Sample { taken: clock::since_boot(), namespaces }
}

fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0 && size.ws_row > 1)?;
    Some((size.ws_col.into(), usize::from(size.ws_row) - 1))
}

/// Keys as they are pressed, without waiting for the end of a line. The terminal is as before when it is dropped.
struct Keys(Option<Termios>);

impl Keys {
    fn new() -> Keys {
        let before = isatty(io::stdin()).then(|| tcgetattr(io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &raw);
        }
        Keys(before)
    }

    /// Waits, and returns whether to stop.
    fn pressed_q_within(&self, time: Duration) -> bool {
        if self.0.is_none() {
            std::thread::sleep(time);
            return false;
        }
        let time = Timespec::try_from(time).ok();
        let stdin = io::stdin();
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], time.as_ref()) {
            Ok(1..) => {
                let mut key = [0];
                matches!(rustix::io::read(&stdin, &mut key), Ok(0)) || key[0] == b'q'
            }
            _ => false,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
