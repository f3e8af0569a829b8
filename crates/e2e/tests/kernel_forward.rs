//! `forward = "kernel"`: copies of a namespace's records in the audit of the host's kernel.

use std::time::Duration;

use auditns_e2e::host::Kernel;
use auditns_e2e::process::{self, until};
use auditns_e2e::supervised::Supervisor;
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(20);

/// The records in the kernel's texts that a supervisor has sent, and how many it says that it had to leave out.
#[derive(Debug, Default)]
struct Forwarded {
    records: Vec<String>,
    missed: u64,
}

impl Forwarded {
    fn add(&mut self, texts: &[String]) {
        let plain = texts.iter().find(|text| text.contains("mark="));
        assert_eq!(plain, None, "text of a container stands in the kernel's stream as it is");
        for text in texts.iter().filter(|text| text.contains("op=auditns-record")) {
            let field = |name: &str| {
                let (_, rest) =
                    text.split_once(&format!(" {name}=")).unwrap_or_else(|| panic!("no {name}: {text}"));
                rest.split([' ', '\'']).next().unwrap_or_default().to_owned()
            };
            assert_eq!(field("cut"), "0", "{text}");
            self.missed += field("missed").parse::<u64>().expect("a number");
            let digits = field("record");
            let bytes = digits.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).expect("digits are ASCII");
                u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("not hexadecimal: {text}"))
            });
            self.records.push(String::from_utf8(bytes.collect()).expect("records are text"));
        }
    }
}

#[test]
fn the_kernel_gets_each_record_once_and_cannot_take_it_for_anything_else() {
    let supervisor = Supervisor::start_with_policy("forward", "[supervisor]\nforward = \"kernel\"\n");
    let kernel = Kernel::enable();
    let _ = kernel.texts();
    let mut forwarded = Forwarded::default();
    let stop = supervisor.dir().path().join("stop");
    let forged = "mark=forged-1' type=SYSCALL msg=audit(1.000:1): auid=0 res=success";
    let script = "auditctl -m \"$0\" && for i in 1 2 3 4 5; do auditctl -m mark=before-$i; done; \
                  until [ -e $1 ]; do sleep 0.02; done; for i in 1 2 3 4 5; do auditctl -m mark=after-$i; done";
    let mut run = supervisor.namespace("web");
    let running = process::Running::start(run.args(["sh", "-c", script, forged]).arg(&stop));
    let mut has = |mark: &str| {
        until(SOON, || {
            forwarded.add(&kernel.texts());
            forwarded.records.iter().any(|record| record.contains(mark))
        })
    };
    assert!(has("mark=before-5"), "the kernel gets no records");
    supervisor.answering();
    supervisor.signal(Signal::KILL);
    supervisor.answering();
    std::fs::write(&stop, "").expect("the folder is ours");
    assert!(has("mark=after-5"), "the next supervisor sends the kernel no records");
    assert!(has("op=stop"), "the end is not sent");
    let finished = running.finish_within(SOON);
    assert_eq!(finished.code(), Some(0), "{}", finished.report());
    drop(kernel);
    assert_eq!(forwarded.missed, 0);
    // Nothing but the kernel's own fields and ours: the forged ones stand in hexadecimal.
    let log = std::fs::read_to_string(supervisor.logs().join("web/audit.log")).expect("there is a log");
    let stored: Vec<_> = log.lines().collect();
    assert_eq!(forwarded.records, stored, "what the kernel got (left) and the log");
    assert!(log.contains("mark=forged-1"), "{log}");
}
