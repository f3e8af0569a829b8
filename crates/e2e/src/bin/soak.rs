//! Lets a supervisor serve for a while and looks whether anything grows: `soak --minutes N`. Needs root.

use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let minutes = match &words[..] {
        [flag, number] if flag == "--minutes" => number.parse().ok().filter(|&minutes: &u64| minutes > 0),
        _ => None,
    };
    let Some(minutes) = minutes else {
        eprintln!("soak: say --minutes and how many");
        return ExitCode::from(2);
    };
    auditns_e2e::soak::run(Duration::from_secs(minutes * 60));
    ExitCode::SUCCESS
}
