//! Playing the cases one after the other.

use crate::actor::Answer;
use crate::cases::{self, Boot};
use crate::control::{Control, State};
use crate::files;
use crate::glob;
use crate::guard::Surroundings;
use crate::messages::{SET, mask};
use crate::stage::Stage;
use crate::transcript::{Case, RawCase};
use std::time::Instant;

/// What to play.
pub(crate) struct Options {
    /// File for the transcript.
    pub(crate) out: String,
    /// Patterns of cases; all without any.
    pub(crate) only: Vec<String>,
    /// File whose transcript says how many datagrams each step may expect; the built-in fixture without one.
    pub(crate) guide: Option<String>,
    /// Wait for silence after every step instead of following a guide.
    pub(crate) blind: bool,
}

fn wanted(options: &Options, id: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|p| glob::matches(p, id))
}

/// Plays and writes the transcript.
pub(crate) fn run(options: &Options, surroundings: Surroundings) -> Result<(), String> {
    let mut played: Vec<RawCase> = Vec::new();
    let mut control = Control::open()?;
    // Before anything else changes the state: what a fresh audit subsystem answers.
    let fresh = |c: &&cases::Case| matches!(c.boot, Boot::Fresh);
    if !surroundings.native {
        for case in cases::all().iter().filter(fresh).filter(|c| wanted(options, c.id)) {
            let mut stage = Stage::new(None);
            (case.play)(&mut stage);
            played.push(stage.finish(case.id, true));
        }
    }
    let holds = control.probe_hold()?;
    let guides = guides(options, holds)?;
    let start = Instant::now();
    for case in cases::all() {
        let applies = match case.boot {
            Boot::Any => true,
            Boot::Holding => holds,
            Boot::Fresh | Boot::Off => false,
        };
        if !applies || !wanted(options, case.id) {
            continue;
        }
        let from = Instant::now();
        control.reset(&State { enabled: 0, ..State::START }, holds)?;
        if case.enabled {
            control.enable(1)?;
        }
        let guide = guides.iter().find(|g| g.case == case.id).cloned();
        let mut stage = Stage::new(guide);
        (case.play)(&mut stage);
        let ended = control.state().map_or_else(Answer::Fault, |s| Answer::Text(settings(&s)));
        stage.observe("final settings", ended);
        played.push(stage.finish(case.id, holds));
        eprintln!("{:28} {:5.2} s", case.id, from.elapsed().as_secs_f64());
    }
    eprintln!("{} cases in {:.1} s", played.len(), start.elapsed().as_secs_f64());
    files::save(&options.out, &played)
}

fn guides(options: &Options, holds: bool) -> Result<Vec<Case>, String> {
    let guides = match &options.guide {
        _ if options.blind => return Ok(Vec::new()),
        Some(path) => files::load(path)?,
        None => files::native_fixture()?,
    };
    if holds { files::prefer_audit1(guides) } else { Ok(guides) }
}

/// The settings at the end of a case, without its counters and without whoever is still registered.
fn settings(s: &State) -> String {
    format!(
        "enabled={} failure={} rate={} limit={} wait={} features={}",
        s.enabled, s.failure, s.rate, s.limit, s.wait, s.features
    )
}

/// Whether a request is one that the suite must never send to a real kernel: failure 2, enabled 2 or a feature lock.
pub(crate) fn is_dangerous(request: &[u8]) -> bool {
    crate::datagram::walk(request).any(|found| {
        let word = |i| found.word(i);
        let sets = found.kind == SET
            && ((word(0) & mask::ENABLED != 0 && word(1) == 2)
                || (word(0) & mask::FAILURE != 0 && word(2) == 2));
        let locks = found.kind == crate::messages::SET_FEATURE && word(3) != 0 && word(1) & 3 != 0;
        sets || locks
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{GET, SET_FEATURE, Status, request, words};

    #[test]
    fn dangerous_requests_are_recognised() {
        let set = |s: Status| request(SET, &s.bytes(), 1);
        assert!(is_dangerous(&set(Status { failure: 2, ..Status::of(mask::FAILURE) })));
        assert!(is_dangerous(&set(Status { enabled: 2, ..Status::of(mask::ENABLED) })));
        assert!(!is_dangerous(&set(Status { enabled: 2, ..Status::of(mask::FAILURE) })));
        assert!(is_dangerous(&request(SET_FEATURE, &words(&[1, 1, 1, 1]), 1)));
        assert!(!is_dangerous(&request(SET_FEATURE, &words(&[1, 1, 1, 0]), 1)));
        let mut second = request(GET, b"", 1);
        second.extend(set(Status { failure: 2, ..Status::of(mask::FAILURE) }));
        assert!(is_dangerous(&second));
        assert!(!is_dangerous(b"short"));
    }
}
