//! Writing lines without waiting for whoever reads them.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// Most bytes that wait to be written. Beyond, lines are dropped.
const WAITING: usize = 1 << 20;
/// How long the end waits for what is still to be written.
const PATIENCE: Duration = Duration::from_secs(1);

/// A thread that writes lines: a terminal that is stopped (`^S`) or a pipe whose reader does not read blocks it, and
/// nobody else.
#[derive(Debug)]
pub(crate) struct LineWriter {
    /// What the thread writes to, until the first line: signals are blocked before that.
    unused: Option<Output>,
    lines: Option<Sender<String>>,
    ended: Option<Receiver<()>>,
    waiting: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

struct Output(Box<dyn Write + Send>);

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Output")
    }
}

impl LineWriter {
    /// Starts nothing yet.
    pub(crate) fn new(output: Box<dyn Write + Send>) -> LineWriter {
        LineWriter {
            unused: Some(Output(output)),
            lines: None,
            ended: None,
            waiting: Arc::default(),
            dropped: Arc::default(),
        }
    }

    /// Writes a line, end included, in the thread's own time. Failing to write is nothing to be done about.
    pub(crate) fn write(&mut self, line: String) {
        self.start();
        let length = line.len();
        if self.waiting.load(Ordering::Relaxed) + length > WAITING {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.waiting.fetch_add(length, Ordering::Relaxed);
        if let Some(lines) = &self.lines {
            let _ = lines.send(line);
        }
    }

    fn start(&mut self) {
        let Some(Output(mut output)) = self.unused.take() else { return };
        let (lines, to_write) = channel::<String>();
        let (end, ended) = channel();
        let (waiting, dropped) = (Arc::clone(&self.waiting), Arc::clone(&self.dropped));
        let run = move || {
            for line in to_write {
                let _ = output.write_all(line.as_bytes());
                waiting.fetch_sub(line.len(), Ordering::Relaxed);
                let missing = dropped.swap(0, Ordering::Relaxed);
                if missing > 0 {
                    let note =
                        format!("auditns: {missing} lines are not shown here, they were read too slowly\n");
                    let _ = output.write_all(note.as_bytes());
                }
            }
            drop(end);
        };
        if thread::Builder::new().name("stderr".to_owned()).spawn(run).is_ok() {
            (self.lines, self.ended) = (Some(lines), Some(ended));
        }
    }

    /// Waits a moment until everything is written.
    pub(crate) fn finish(self) {
        drop(self.lines);
        if let Some(ended) = self.ended {
            // Nothing is ever sent; the end of the channel is the end of the thread.
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Mutex;
    use std::time::Instant;

    /// Writes into shared memory, once it may.
    struct Gate(Arc<Mutex<()>>, Arc<Mutex<Vec<u8>>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _open = self.0.lock().unwrap();
            self.1.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_come_in_order_and_the_end_waits_for_them() {
        let (gate, written) = (Arc::default(), Arc::<Mutex<Vec<u8>>>::default());
        let mut writer = LineWriter::new(Box::new(Gate(gate, Arc::clone(&written))));
        for number in 0..100 {
            writer.write(format!("{number}\n"));
        }
        writer.finish();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let numbers: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..100), "{text}");
    }

    #[test]
    fn a_reader_that_does_not_read_blocks_nobody_and_costs_bounded_memory() {
        let (gate, written) = (Arc::<Mutex<()>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let closed = gate.lock().unwrap();
        let mut writer = LineWriter::new(Box::new(Gate(Arc::clone(&gate), Arc::clone(&written))));
        for _ in 0..10_000 {
            writer.write(format!("{:999}\n", ""));
        }
        assert!(writer.waiting.load(Ordering::Relaxed) <= WAITING);
        assert!(writer.dropped.load(Ordering::Relaxed) >= 10_000 - 1100);
        drop(closed);
        writer.finish();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.contains("lines are not shown here"));
        assert!(text.len() <= WAITING + 1000);
    }

    #[test]
    fn the_end_does_not_wait_for_ever() {
        let gate = Arc::<Mutex<()>>::default();
        let _closed = gate.lock().unwrap();
        let mut writer = LineWriter::new(Box::new(Gate(Arc::clone(&gate), Arc::default())));
        writer.write("x\n".to_owned());
        let start = Instant::now();
        writer.finish();
        assert!(start.elapsed() < PATIENCE * 3);
    }
}
