//! Tests of the rules: by hand, by property, and against what a kernel answered.

mod errors;
mod filter;
mod properties;
mod replay;
mod set;

use super::{AllIds, FileId, PathAnswer, PathAnswers, PathKind, Rule, path_questions};
use auditns_wire::Errno;
use auditns_wire::rule::{Operator, RuleData};

pub(super) const EQUAL: u32 = Operator::Equal.code();
pub(super) const NOT_EQUAL: u32 = Operator::NotEqual.code();

pub(super) const USER: u32 = 0;
pub(super) const TASK: u32 = 1;
pub(super) const EXIT: u32 = 4;
pub(super) const EXCLUDE: u32 = 5;
pub(super) const FILESYSTEM: u32 = 6;
pub(super) const URING: u32 = 7;
pub(super) const PREPEND: u32 = 0x10;

pub(super) const NEVER: u32 = 0;
pub(super) const ALWAYS: u32 = 2;

/// A request's payload: fields are number, operator code, value.
pub(super) fn request(flags: u32, action: u32, fields: &[(u32, u32, u32)], buf: &[u8]) -> Vec<u8> {
    let mut data = RuleData { flags, action, buf, ..RuleData::default() };
    data.field_count = u32::try_from(fields.len()).unwrap();
    data.buflen = u32::try_from(buf.len()).unwrap();
    for (slot, (number, operator, value)) in fields.iter().enumerate() {
        data.fields[slot] = *number;
        data.fieldflags[slot] = *operator;
        data.values[slot] = *value;
    }
    data.encode()
}

/// A request with one string field compared with `=`.
pub(super) fn string_request(flags: u32, field: u32, text: &[u8]) -> Vec<u8> {
    request(flags, ALWAYS, &[(field, EQUAL, u32::try_from(text.len()).unwrap())], text)
}

/// The files of the machine that the kernel's answers come from.
const FILES: [&str; 13] = [
    "/",
    "/tmp",
    "/bin",
    "/bin/true",
    "/etc/passwd",
    "/usr//bin/env",
    "/bin/sh",
    "/etc/../etc/hosts",
    "//tmp",
    "/usr/bin/python3.11",
    "/tmp/",
    "/tmp/.",
    "/tmp/..",
];

/// How that machine looks a path up.
pub(super) fn lookup(kind: PathKind, path: &[u8]) -> PathAnswer {
    let is_dir = kind == PathKind::Dir;
    match path {
        b"/" | b"//" | b"/tmp/." | b"/tmp/.." if !is_dir => Err(Errno::EINVAL),
        b"/etc/passwd/x" | b"/dev/null/../x" => Err(Errno::ENOTDIR),
        _ if path.split(|byte| *byte == b'/').any(|name| name.len() > 255) || path.len() > 4095 => {
            Err(Errno::ENAMETOOLONG)
        }
        b"/nx_dir/foo" => Err(Errno::ENOENT),
        b"//" => Ok(Some(FileId { device: 1, inode: 0 })),
        _ => match FILES.iter().position(|file| file.as_bytes() == path) {
            Some(number) => Ok(Some(FileId { device: 1, inode: u64::try_from(number).unwrap() })),
            None if is_dir => Err(Errno::ENOENT),
            None => Ok(None),
        },
    }
}

/// Asks and answers the questions of a request.
pub(super) fn answers(payload: &[u8]) -> PathAnswers {
    let questions = path_questions(payload).into_iter();
    questions
        .map(|question| {
            let answer = lookup(question.kind, &question.path);
            (question, answer)
        })
        .collect()
}

pub(super) fn parse(payload: &[u8]) -> Result<Rule, Errno> {
    Rule::parse(payload, &answers(payload), &AllIds)
}
