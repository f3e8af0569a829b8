//! Prints what audit does in containers today and, with `--served`, what it does with auditns: the same programs, the
//! same containers, side by side. Needs root.

use std::time::Duration;

use auditns_e2e::container::{Container, Mode, Outcome};

const QUESTIONS: [(&str, &str); 6] = [
    ("status", "auditctl -s"),
    ("message", "auditctl -m"),
    ("auditd", "auditd"),
    ("ssh", "ssh login"),
    ("cron", "cron job"),
    ("su", "su"),
];

/// What a step says in one or two words, with the login uid where it is the point.
fn answer(outcome: &Outcome, step: &str) -> String {
    let (status, output) = (outcome.step(step), outcome.output(step));
    let shown = match step {
        "status" => status == 0 && output.contains("enabled "),
        _ => status == 0,
    };
    if !shown {
        return "fails".to_owned();
    }
    match step {
        "ssh" | "cron" if output.contains("4294967295") => "no auid".to_owned(),
        "ssh" | "cron" => "auid set".to_owned(),
        _ => "works".to_owned(),
    }
}

fn main() {
    let served = std::env::args().any(|argument| argument == "--served");
    let kinds: &[bool] = if served { &[false, true] } else { &[false] };
    print!("{:<8} {:<8} {:<9}", "kernel", "mode", "loginuid");
    for (_, title) in QUESTIONS {
        print!(" {title:<11}");
    }
    println!();
    for mode in [Mode::Docker, Mode::Control, Mode::User] {
        for loginuid in [None, Some(4242)] {
            for &with in kinds {
                let container = if with {
                    Container::served("compare", mode)
                } else {
                    Container::native("compare", mode)
                };
                let container = match loginuid {
                    Some(loginuid) => container.loginuid(loginuid),
                    None => container,
                };
                let outcome = container.run("probe.sh", &[], Duration::from_secs(60));
                print!(
                    "{:<8} {:<8} {:<9}",
                    if with { "auditns" } else { "today" },
                    mode.name(),
                    loginuid.map_or_else(|| "unset".to_owned(), |loginuid| loginuid.to_string())
                );
                for (step, _) in QUESTIONS {
                    print!(" {:<11}", answer(&outcome, step));
                }
                println!();
            }
        }
    }
}
