//! Sends on the socket at its standard input, for the tests: `sender STEP...` does one step after the other.
//!
//! Each message is four numbers of 32 bits that say who sends it: process, real and effective user id, login uid.

#![allow(unsafe_code, reason = "it changes who it is")]

use auditns_bpf::Steering;
use rustix::io::{read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Gid, Uid, geteuid, getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, sched_yield, set_capabilities, set_thread_res_gid,
    set_thread_res_uid, unshare_unsafe,
};
use std::error::Error;
use std::io::stdin;
use std::os::fd::AsFd;
use std::process::ExitCode;

type Outcome = Result<(), Box<dyn Error>>;

const THREADS: u32 = 4;

fn main() -> ExitCode {
    for argument in std::env::args().skip(1) {
        let (step, value) = argument.split_once('=').unwrap_or((&argument, "0"));
        if let Err(error) = value.parse().map_err(Into::into).and_then(|value| run(step, value)) {
            eprintln!("sender: {argument}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(step: &str, value: u32) -> Outcome {
    match step {
        "loginuid" => Ok(std::fs::write("/proc/self/loginuid", value.to_string())?),
        "uid" => Ok(set_thread_res_uid(Uid::from_raw(value), Uid::from_raw(value), Uid::from_raw(value))?),
        "euid" => Ok(set_thread_res_uid(getuid(), Uid::from_raw(value), None)?),
        "gid" => Ok(set_thread_res_gid(Gid::from_raw(value), Gid::from_raw(value), Gid::from_raw(value))?),
        "egid" => Ok(set_thread_res_gid(getgid(), Gid::from_raw(value), None)?),
        "no-capabilities" => {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
            Ok(set_capabilities(None, sets)?)
        }
        "new-user-namespace" => {
            // SAFETY: descriptors stay shared; only the user namespace is a new one.
            Ok(unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?)
        }
        "send" => (0..value).try_for_each(|_| send(&identity()?)),
        "bursts" => bursts(value),
        "answered" => (0..value).try_for_each(|_| {
            send(&identity()?)?;
            answer()
        }),
        "changing" => changing(value),
        "threads" => threads(value),
        "thread" => std::thread::spawn(|| {
            send(&identity().map_err(|error| error.to_string())?).map_err(|error| error.to_string())
        })
        .join()
        .map_err(|_| "the thread panicked")?
        .map_err(Into::into),
        "answer" => answer(),
        "load" => {
            match Steering::load(1) {
                Ok(_) => println!("loaded"),
                Err(error) => println!("{error}"),
            }
            Ok(())
        }
        "load-then-attach-as" => load_then_attach_as(value),
        other => Err(format!("no step {other:?}").into()),
    }
}

/// Attaching needs no privilege.
fn load_then_attach_as(uid: u32) -> Outcome {
    let steering = Steering::load(1)?;
    run("uid", uid)?;
    let (receiver, sender) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let watched = steering.attach(receiver.as_fd())?;
    write(&sender, b"x")?;
    let mark = watched.mark();
    read(&receiver, &mut [0; 1])?;
    println!("{:?}", watched.sender(mark).map(|noted| noted.uid));
    Ok(())
}

/// A message from this thread.
fn identity() -> Result<[u8; 16], Box<dyn Error>> {
    let loginuid = std::fs::read_to_string("/proc/thread-self/loginuid")?.trim().parse()?;
    Ok(message(loginuid))
}

fn message(loginuid: u32) -> [u8; 16] {
    let numbers = [std::process::id(), getuid().as_raw(), geteuid().as_raw(), loginuid];
    let mut message = [0; 16];
    for (to, number) in message.chunks_exact_mut(4).zip(numbers) {
        to.copy_from_slice(&number.to_ne_bytes());
    }
    message
}

fn send(message: &[u8; 16]) -> Outcome {
    write(stdin(), message)?;
    Ok(())
}

fn answer() -> Outcome {
    read(stdin(), &mut [0; 16])?;
    Ok(())
}

/// Messages one after the other, with pauses of many lengths.
fn bursts(count: u32) -> Outcome {
    let message: [u8; 16] = identity()?;
    for number in 0..count {
        send(&message)?;
        if number % 3 == std::process::id() % 3 {
            (0..number % 7).for_each(|_| sched_yield());
        }
    }
    Ok(())
}

/// Messages of one thread whose effective user changes.
fn changing(count: u32) -> Outcome {
    for number in 0..count {
        if number % 5 == 0 {
            run("euid", 0)?;
            run("euid", number % 3)?;
        }
        send(&message(u32::MAX))?;
        if number % 64 == 0 {
            sched_yield();
        }
    }
    Ok(())
}

/// Messages of threads of this process that have different users each.
fn threads(count: u32) -> Outcome {
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            std::thread::spawn(move || {
                run("euid", thread).map_err(|error| error.to_string())?;
                for number in 0..count / THREADS {
                    send(&message(u32::MAX)).map_err(|error| error.to_string())?;
                    (0..number % (2 + thread)).for_each(|_| sched_yield());
                }
                Ok::<(), String>(())
            })
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}
