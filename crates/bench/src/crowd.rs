//! Several clients at the same time: processes, each of which may have several threads.

use crate::report::{Report, Samples};
use crate::step;
use crate::workload::Workload;
use clap::Args;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use crate::workload::Operation;

/// How many clients do what.
#[derive(Clone, Copy, Debug, Args)]
pub struct Crowd {
    /// What each does
    #[arg(long, value_enum, default_value_t = Operation::Acked)]
    pub operation: Operation,
    /// Operations of each; 0: without end
    #[arg(long, default_value_t = 1000)]
    pub count: u32,
    /// Microseconds from the begin of one operation to that of the next
    #[arg(long, default_value_t = 0, value_name = "MICROSECONDS")]
    pub interval: u64,
    /// Processes
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub clients: u32,
    /// Threads of each process, each with a socket of its own, none of which is the main thread; 0: the main thread alone
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub threads: u32,
    /// Print samples, for the process that sums them up
    #[arg(long, hide = true)]
    pub one_of_many: bool,
}

impl Crowd {
    /// Gets ready, waits for a line, does everything and reports it; ends when standard input does.
    ///
    /// # Errors
    /// What a client failed with.
    pub fn run(self) -> io::Result<()> {
        if self.clients > 1 {
            return self.lead();
        }
        let workload = Workload {
            operation: self.operation,
            count: self.count,
            interval: Duration::from_micros(self.interval),
        };
        let samples = if self.threads == 0 {
            let mut prepared = workload.prepare()?;
            begin()?;
            vec![prepared.run()?]
        } else {
            in_threads(workload, self.threads)?
        };
        self.report(samples)
    }

    fn report(self, samples: Vec<Samples>) -> io::Result<()> {
        if self.one_of_many {
            return step::tell(&samples);
        }
        step::tell(&Report::of(samples))?;
        // Its end is not a part of what is measured.
        while step::wait()? {}
        Ok(())
    }

    /// Starts the processes, which begin when the one pipe that all of them read ends.
    fn lead(self) -> io::Result<()> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        let program = std::env::current_exe()?;
        let mut members = Vec::new();
        for _ in 0..self.clients {
            let mut command = Command::new(&program);
            command.args(self.arguments()).stdin(Stdio::from(reader.try_clone()?)).stdout(Stdio::piped());
            let mut member = Member::of(command.spawn()?)?;
            member.line()?;
            members.push(member);
        }
        drop(reader);
        begin()?;
        drop(writer);
        let mut samples = Vec::new();
        for member in &mut members {
            let line = member.line()?;
            samples.extend(serde_json::from_str::<Vec<Samples>>(&line)?);
        }
        self.report(samples)
    }

    fn arguments(self) -> Vec<String> {
        let operation = clap::ValueEnum::to_possible_value(&self.operation);
        let operation = operation.map_or_else(String::new, |value| value.get_name().to_owned());
        [
            ("--operation", operation),
            ("--count", self.count.to_string()),
            ("--interval", self.interval.to_string()),
            ("--threads", self.threads.to_string()),
        ]
        .into_iter()
        .fold(vec!["client".to_owned(), "--one-of-many".to_owned()], |mut all, (flag, value)| {
            all.extend([flag.to_owned(), value]);
            all
        })
    }
}

/// A line, or the end of the input, which for one of many is the sign.
fn begin() -> io::Result<()> {
    step::say_ready("")?;
    step::wait().map(drop)
}

/// The processor time is that of the process, which one of them tells.
fn in_threads(workload: Workload, threads: u32) -> io::Result<Vec<Samples>> {
    // Two meetings with the main thread: all are ready; all may begin.
    let meeting = Barrier::new(threads as usize + 1);
    thread::scope(|scope| {
        let client = || {
            let prepared = workload.prepare();
            meeting.wait();
            meeting.wait();
            prepared.and_then(|mut prepared| prepared.run())
        };
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(client)).collect();
        meeting.wait();
        let begun = begin();
        meeting.wait();
        let mut all = Vec::new();
        for thread in started {
            all.push(thread.join().map_err(|_| Errno::CANCELED)??);
        }
        begun?;
        let cpu = all.iter().map(|one| one.cpu_nanoseconds).max().unwrap_or_default();
        for (number, one) in all.iter_mut().enumerate() {
            one.cpu_nanoseconds = if number == 0 { cpu } else { 0 };
        }
        Ok(all)
    })
}

/// A process of the crowd; it ends with this value.
struct Member {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Member {
    fn of(mut child: Child) -> io::Result<Member> {
        let out = child.stdout.take().ok_or(Errno::PIPE)?;
        Ok(Member { child, out: BufReader::new(out) })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.out.read_line(&mut line)? == 0 {
            let status = self.child.wait()?;
            return Err(io::Error::other(format!(
                "a client ended with {status} instead of telling anything"
            )));
        }
        Ok(line)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
