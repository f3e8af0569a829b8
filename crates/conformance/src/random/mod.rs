//! Random sequences of valid and broken requests. The same seed gives the same sequence everywhere, so that the
//! kernel and a namespace can be asked the same.

mod generate;
mod rng;
mod rule;
pub(crate) mod steps;
pub(crate) mod trace;

use crate::control::{Control, State};
use crate::datagram;
use crate::files;
use crate::messages::{self, SET, Status};
use crate::stage::{Receive, Stage, Who};
use crate::transcript::{Case, RawCase};
use generate::{ACTORS, sequence};

/// What to play.
pub(crate) struct Options {
    /// The seed of the first sequence.
    pub(crate) seed: u64,
    /// Sequences, one seed after the other.
    pub(crate) seeds: u64,
    /// Steps.
    pub(crate) steps: usize,
    /// File for the transcript.
    pub(crate) out: String,
    /// Steps to leave out.
    pub(crate) drop: Vec<usize>,
}

/// Requests after which everybody's records are collected.
const COLLECT: usize = 8;
/// Records that may pile up while nobody is registered: fewer than the 64 a hold queue takes.
const UNREAD: usize = 40;

/// Plays and writes the transcript.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut control = Control::open()?;
    let holds = control.probe_hold()?;
    let seeds = (options.seed..).take(usize::try_from(options.seeds).unwrap_or(usize::MAX));
    let played = seeds.map(|seed| play(&mut control, holds, seed, options)).collect::<Result<Vec<_>, _>>()?;
    files::save(&options.out, &played)
}

fn play(control: &mut Control, holds: bool, seed: u64, options: &Options) -> Result<RawCase, String> {
    control.reset(&State::START, holds)?;
    control.enable(1)?;
    let case = format!("random.{seed}");
    let mut stage = Stage::new(Some(Case::default()));
    let actors = ACTORS.map(|name| stage.sender(name));
    let pids = actors.map(|a| stage.pid(a));
    let mut unread = 0;
    for (i, request) in sequence(seed, options.steps, &pids).into_iter().enumerate() {
        if options.drop.contains(&i) {
            continue;
        }
        unread += datagram::walk(&request.bytes).count();
        let note = format!("step {i}");
        let who = actors[request.actor];
        stage.send(who, "s", request.bytes, &note);
        stage.recv(who, "s", "");
        if i % COLLECT == COLLECT - 1 {
            collect(&mut stage, &actors, 10);
        }
        if unread > UNREAD {
            read_held(&mut stage, actors[2], pids[2]);
            collect(&mut stage, &actors, 10);
            unread = 0;
        }
    }
    collect(&mut stage, &actors, 100);
    let settings = control.state().map(|s| format!("{:?}", State { lost: 0, backlog: 0, pid: 0, ..s }));
    stage.observe(
        "final settings",
        settings.map_or_else(crate::actor::Answer::Fault, crate::actor::Answer::Text),
    );
    Ok(stage.finish(&case, holds))
}

fn collect(stage: &mut Stage, actors: &[Who], settle: u64) {
    for who in actors {
        stage.recv_with(
            *who,
            "s",
            &Receive { note: "collect".into(), settle: Some(settle), ..Receive::default() },
        );
    }
}

/// Registers and unregisters an auditd, so that nothing held overflows. If one is registered already, this changes
/// nothing: it reads by itself.
fn read_held(stage: &mut Stage, who: Who, pid: u32) {
    for (seq, pid) in [(0x00aa_0001, pid), (0x00aa_0002, 0)] {
        let bytes = messages::request(SET, &Status::register(pid).bytes(), seq);
        stage.send(who, "s", bytes, "read what is held");
        stage.recv_with(who, "s", &Receive { settle: Some(20), ..Receive::default() });
    }
}
