use super::*;
use crate::testing::wait;
use rustix::fs::{Mode, OFlags, open};
use std::ffi::OsString;
use std::io;
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

fn shell(script: &str) -> Program {
    let arguments = ["sh", "-c", script].map(OsString::from);
    let environment = [("KEPT", "value"), ("LISTEN_PID", "1"), ("LISTEN_FDS", "99")]
        .map(|(name, value)| (name.into(), value.into()));
    Program::new(Path::new("/bin/sh"), &arguments, environment).unwrap()
}

fn text_of(mut pipe: PipeReader) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).unwrap();
    text
}

fn full_pipe(text: &str) -> PipeReader {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader
}

#[test]
fn a_program_gets_the_descriptors_in_order_and_is_named_as_their_receiver() {
    let (reader, writer) = pipe().unwrap();
    let (first, second) = (full_pipe("first"), full_pipe("second"));
    let script =
        "{ cat <&4; echo; cat <&3; echo; echo $LISTEN_FDS $KEPT; test $LISTEN_PID = $$ && echo mine; } >&5";
    let pid = shell(script).spawn(&[first.as_fd(), second.as_fd(), writer.as_fd()]).unwrap();
    drop((writer, first, second));
    assert_eq!(wait(pid), 0);
    assert_eq!(text_of(reader), "second\nfirst\n3 value\nmine\n");
}

#[test]
fn a_program_that_gets_none_is_told_of_none() {
    let (mut reader, writer) = pipe().unwrap();
    let arguments = ["sh", "-c", "echo \"($LISTEN_FDS)($LISTEN_PID)\" > $0"].map(OsString::from);
    let mut arguments = arguments.to_vec();
    arguments.push(format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd()).into());
    let pid = Program::new(Path::new("/bin/sh"), &arguments, []).unwrap().spawn(&[]).unwrap();
    assert_eq!(wait(pid), 0);
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "()()\n");
}

#[test]
fn nothing_else_that_this_program_has_open_goes_along() {
    let (reader, writer) = pipe().unwrap();
    let others: Vec<_> = (0..40).map(|_| pipe().unwrap()).collect();
    let inode = |pipe: &PipeReader| format!("pipe:[{}]", rustix::fs::fstat(pipe).unwrap().st_ino);
    let inodes: Vec<_> = others.iter().map(|(other, _)| inode(other)).collect();
    let pid = shell("ls -l /proc/self/fd >&3").spawn(&[writer.as_fd()]).unwrap();
    drop((writer, others));
    assert_eq!(wait(pid), 0);
    let own = inode(&reader);
    let seen = text_of(reader);
    assert!(seen.contains(&own), "{seen}");
    assert!(!inodes.iter().any(|inode| seen.contains(inode)), "{seen}");
}

#[test]
fn many_descriptors_arrive_whatever_their_numbers() {
    let (reader, writer) = pipe().unwrap();
    let mut pipes: Vec<_> = (0..200).map(|number| full_pipe(&format!("{number} "))).collect();
    pipes.reverse();
    let mut fds: Vec<_> = vec![writer.as_fd()];
    fds.extend(pipes.iter().map(AsFd::as_fd));
    let program = "for n in $(seq 4 203); do cat /proc/self/fd/$n; done >&3; cat /dev/null";
    let pid = shell(program).spawn(&fds).unwrap();
    drop(writer);
    assert_eq!(wait(pid), 0);
    let expected: String = (0..200).rev().flat_map(|number| [number.to_string(), " ".to_owned()]).collect();
    assert_eq!(text_of(reader), expected);
}

#[test]
fn what_cannot_be_started_is_an_error_and_leaves_no_child() {
    let missing = Program::new(Path::new("/nowhere/program"), &["program".into()], []).unwrap();
    let file = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    assert_eq!(missing.spawn(&[file.as_fd()]).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(missing.spawn(&[]).unwrap_err().kind(), io::ErrorKind::NotFound);
    let twice = [file.as_fd(), file.as_fd()];
    assert_eq!(missing.spawn(&twice).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert!(Program::new(Path::new("/bin/\0"), &[], []).is_err());
}

#[test]
fn a_process_with_several_threads_is_not_replaced() {
    let (held, release) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || release.recv());
    assert_eq!(shell("exit 1").replace(&[]).kind(), io::ErrorKind::Unsupported);
    drop(held);
    let _ = other.join().unwrap();
}

#[test]
fn what_this_program_has_opened_is_not_taken_as_inherited() {
    let own = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    assert!(take_one(own.as_raw_fd()).is_none());
    assert!(take_one(1_000_000).is_none());
    assert!(crate::testing::flags_of(&own).0);
}
