//! The `auditns-bench` program.

use auditns_bench::calls::Subjects;
use auditns_bench::crowd::Crowd;
use auditns_bench::guard::leash::{self, Leashed};
use auditns_bench::guard::{Until, host, reader};
use auditns_bench::members::Members;
use auditns_bench::{login_files, profile, step};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `cargo xtask bench` runs on the kernel and in audit namespaces, in turns
#[derive(Debug, Parser)]
#[command(name = "auditns-bench")]
struct Bench {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Be one or several audit clients
    Client(Crowd),
    /// For each line that is read, print what calls take that have nothing to do with audit
    Calls {
        /// Calls in a batch
        #[arg(long, default_value_t = 1000)]
        count: u32,
        /// Below a seccomp profile as container runtimes install it
        #[arg(long)]
        profile: bool,
    },
    /// For each line that is read, print what opening a file of a login uid takes, and others
    LoginFiles {
        /// Calls in a batch, about
        #[arg(long, default_value_t = 1000)]
        count: u32,
    },
    /// Start processes that do nothing, each in a namespace of its own
    Members(Members),
    /// Use a processor, without end
    Spin,
    /// Keep the kernel's audit and a folder until the parent ends, then restore it (root)
    Host {
        /// Who has started this
        #[arg(long)]
        parent: i32,
    },
    /// Be the least audit daemon that there can be, until the parent ends (root)
    Reader {
        /// Who has started this
        #[arg(long)]
        parent: i32,
        /// Where records go
        log: PathBuf,
    },
    /// Run a program, and end it and everything that it has started when the parent ends
    Leash {
        /// Who has started this
        #[arg(long)]
        parent: i32,
        /// In a session of its own
        #[arg(long)]
        session: bool,
        /// How many open files it may have
        #[arg(long)]
        open_files: Option<u64>,
        /// The program and its arguments
        #[arg(last = true, required = true)]
        words: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match run(Bench::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("auditns-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> io::Result<ExitCode> {
    match task {
        Task::Client(crowd) => crowd.run()?,
        Task::Calls { count, profile } => {
            if profile {
                profile::enter()?;
            }
            let subjects = Subjects::open()?;
            step::each(|| subjects.measure(count))?;
        }
        Task::LoginFiles { count } => step::each(|| login_files::measure(count))?,
        Task::Members(members) => members.run()?,
        Task::Spin => loop {
            std::hint::spin_loop();
        },
        Task::Host { parent } => {
            host::hold(&Until::ended(parent)?, |folder| step::say_ready(&folder.display().to_string()))?;
        }
        Task::Reader { parent, log } => reader::read(&log, &Until::ended(parent)?, || step::say_ready(""))?,
        Task::Leash { parent, session, open_files, words } => {
            let status = leash::run(&Leashed { words, session, open_files }, parent)?;
            let code = status.and_then(|status| u8::try_from(status.code()?).ok());
            return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
        }
    }
    Ok(ExitCode::SUCCESS)
}
