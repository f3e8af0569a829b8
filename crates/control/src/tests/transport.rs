//! Cutting a stream into messages.

use super::descriptors::send_with;
use crate::transport::{DESCRIPTORS_MAX, Message, Reader, TooLong, send};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const LIMIT: usize = 100;

struct Pair {
    sender: UnixStream,
    receiver: UnixStream,
    reader: Reader,
}

impl Pair {
    fn new() -> Pair {
        let (sender, receiver) = UnixStream::pair().unwrap();
        Pair { sender, receiver, reader: Reader::new(LIMIT) }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.sender.write_all(bytes).unwrap();
    }

    fn fill(&mut self) -> usize {
        self.reader.fill(self.receiver.as_fd()).unwrap()
    }

    fn message(&mut self) -> Message {
        self.reader.take().unwrap().expect("no message")
    }
}

#[test]
fn messages_are_cut_at_zero_bytes_wherever_reads_end() {
    let stream = b"first\0second\0\0fourth\0";
    for size in 1..stream.len() {
        let mut pair = Pair::new();
        let mut messages = Vec::new();
        for piece in stream.chunks(size) {
            pair.write(piece);
            assert_eq!(pair.fill(), piece.len());
            while let Some(message) = pair.reader.take().unwrap() {
                messages.push(String::from_utf8(message.bytes).unwrap());
            }
        }
        assert_eq!(messages, ["first", "second", "", "fourth"], "in pieces of {size}");
        assert!(pair.reader.is_empty());
    }
}

#[test]
fn half_a_message_is_not_empty_and_not_a_message() {
    let mut pair = Pair::new();
    assert!(pair.reader.is_empty());
    pair.write(b"first\0sec");
    pair.fill();
    assert_eq!(pair.message().bytes, b"first");
    assert!(pair.reader.take().unwrap().is_none());
    assert!(!pair.reader.is_empty());
}

#[test]
fn the_limit_counts_the_bytes_of_a_message() {
    let mut pair = Pair::new();
    for _ in 0..3 {
        pair.write(&[b'x'; LIMIT]);
        pair.fill();
        assert!(pair.reader.take().unwrap().is_none());
        pair.write(&[0]);
        pair.fill();
        assert_eq!(pair.message().bytes.len(), LIMIT);
    }
    pair.write(&[b'x'; LIMIT + 1]);
    pair.fill();
    assert_eq!(pair.reader.take().unwrap_err(), TooLong);

    let mut pair = Pair::new();
    pair.write(&[[b'x'; LIMIT + 1].as_slice(), &[0]].concat());
    pair.fill();
    assert_eq!(pair.reader.take().unwrap_err(), TooLong);
}

#[test]
fn nothing_to_read_is_told_from_the_end() {
    let mut pair = Pair::new();
    let error = pair.reader.fill(pair.receiver.as_fd()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    drop(pair.sender);
    assert_eq!(pair.reader.fill(pair.receiver.as_fd()).unwrap(), 0);
}

#[test]
fn no_more_descriptors_are_kept_than_a_message_may_have() {
    let mut pair = Pair::new();
    let pipes: Vec<_> = (0..253).map(|_| std::io::pipe().unwrap()).collect();
    let writers: Vec<BorrowedFd<'_>> = pipes.iter().map(|(_, writer)| writer.as_fd()).collect();
    send_with(&pair.sender, b"call\0", &writers);
    pair.fill();
    assert_eq!(pair.message().descriptors.len(), DESCRIPTORS_MAX);
}

#[test]
fn descriptors_with_every_byte_are_no_more_than_with_one() {
    let mut pair = Pair::new();
    let mut readers = Vec::new();
    for byte in b"first" {
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = [writer.as_fd(); 3];
        send_with(&pair.sender, &[*byte], &writer);
        pair.fill();
        assert!(pair.reader.take().unwrap().is_none());
        readers.push(reader);
    }
    // Those of the third byte and later were closed at once.
    for reader in &mut readers[2..] {
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }
    // The end of this message and the start of the next arrive together, and each keeps its own.
    let (_reader, writer) = std::io::pipe().unwrap();
    pair.write(b"\0");
    send_with(&pair.sender, b"second", &[writer.as_fd(); 5]);
    pair.fill();
    assert_eq!(pair.message().descriptors.len(), DESCRIPTORS_MAX);
    assert!(pair.reader.take().unwrap().is_none());
    pair.write(b"\0third\0");
    pair.fill();
    assert_eq!(pair.message().descriptors.len(), DESCRIPTORS_MAX);
    assert_eq!(pair.message().descriptors.len(), 0);
}

#[test]
fn descriptors_are_closed_with_the_reader() {
    let mut pair = Pair::new();
    let (mut reader, writer) = std::io::pipe().unwrap();
    send_with(&pair.sender, b"half", &[writer.as_fd()]);
    pair.fill();
    drop((writer, pair));
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn sending_ends_at_its_deadline() {
    let pair = Pair::new();
    let begun = Instant::now();
    let wait = Duration::from_millis(50);
    let error = send(pair.sender.as_fd(), &vec![0; 8 << 20], &[], begun + wait).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() >= wait);
}

#[test]
fn descriptors_are_sent_once_however_many_pieces_the_bytes_need() {
    let mut pair = Pair::new();
    pair.reader = Reader::new(1 << 20);
    let (_reader, writer) = std::io::pipe().unwrap();
    let mut message = vec![b'x'; 1 << 20];
    message.push(0);
    std::thread::scope(|scope| {
        let sender = &pair.sender;
        let deadline = Instant::now() + super::rig::PATIENCE;
        scope.spawn(move || send(sender.as_fd(), &message, &[writer.as_fd()], deadline).unwrap());
        let message = loop {
            if let Some(message) = pair.reader.take().unwrap() {
                break message;
            }
            crate::transport::wait_readable(pair.receiver.as_fd(), Some(deadline)).unwrap();
            pair.reader.fill(pair.receiver.as_fd()).unwrap();
        };
        assert_eq!((message.bytes.len(), message.descriptors.len()), (1 << 20, 1));
    });
}
