//! Many namespaces, each with one process that does nothing.

use crate::report::{Latency, Made};
use auditns_control::client::{Client, ClientError};
use auditns_control::interface::{self, CreateRequest};
use auditns_sys::filter::FilterOptions;
use auditns_sys::launch::{self, Candidate, LaunchError, LaunchOptions, LoginuidReset};
use clap::Args;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// How many, of whom.
#[derive(Clone, Debug, Args)]
pub struct Members {
    /// Processes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65536))]
    count: u32,
    /// The folder of the supervisor that serves a namespace for each of them; without it there are none
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// What each of them executes
    member: PathBuf,
}

/// Why a process was not started.
#[derive(Debug, thiserror::Error)]
enum MemberError {
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Refused(#[from] ClientError),
}

/// Processes that end with this value.
#[derive(Debug, Default)]
struct Started(Vec<Child>);

impl Members {
    /// Starts them, tells how long each took, and ends them when standard input ends.
    ///
    /// # Errors
    /// There is no supervisor. Whom it refuses is told in the report.
    pub fn run(&self) -> io::Result<()> {
        let mut client = match &self.run_dir {
            None => None,
            Some(folder) => {
                let client = Client::connect(&folder.join(interface::NAME)).map_err(io::Error::other)?;
                Some(client.ok_or_else(|| io::Error::other("there is no supervisor"))?)
            }
        };
        let mut started = Started::default();
        crate::step::each(|| Ok(self.start(client.as_mut(), &mut started)))
    }

    fn start(&self, mut client: Option<&mut Client>, started: &mut Started) -> Made {
        let mut nanoseconds = Vec::new();
        let mut refused = None;
        for number in 0..self.count {
            let mut command = Command::new(&self.member);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let before = Instant::now();
            let child = match &mut client {
                None => command.spawn().map_err(|error| error.to_string()),
                Some(client) => in_namespace(command, client, number).map_err(|error| error.to_string()),
            };
            match child {
                Ok(child) => started.0.push(child),
                Err(reason) => {
                    refused = Some(reason);
                    break;
                }
            }
            nanoseconds.push(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        let count = u32::try_from(started.0.len()).unwrap_or(u32::MAX);
        Made { count, p50: Latency::of(nanoseconds).map_or(0.0, |latency| latency.p50), refused }
    }
}

fn in_namespace(command: Command, client: &mut Client, number: u32) -> Result<Child, MemberError> {
    let options = LaunchOptions {
        allow: None,
        new_session_keyring: false,
        filter: FilterOptions { notify_signals: true, refuse_io_uring: true, refuse_sender_handles: false },
        loginuid: LoginuidReset::Try,
        keep_ignored: Vec::new(),
    };
    let admit = |candidate: &Candidate<'_>| {
        let request = CreateRequest {
            name: Some(format!("idle-{number}")),
            container: None,
            runtime: "bench".to_owned(),
            pid: candidate.pid,
            no_new_privileges: candidate.no_new_privileges,
            wait_killable: candidate.wait_killable,
            loginuid: candidate.loginuid.name().to_owned(),
            command: Vec::new(),
            annotations: BTreeMap::new(),
            backlog_limit: None,
            policy: None,
            strict_clients: Vec::new(),
        };
        client.create(&request, candidate.listener.as_fd()).map(drop).map_err(MemberError::from)
    };
    Ok(launch::spawn_admitted(command, &options, admit)?.child)
}

impl Drop for Started {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
        }
        for child in &mut self.0 {
            let _ = child.wait();
        }
    }
}
