//! Members that want to hurt the host, auditns, or each other.

mod common;

use common::{Namespace, as_member, start};
use std::time::Duration;

/// Messages that were sent while unprivileged stay so, though their sender executes a set-user-ID program before they
/// are read.
#[test]
fn a_set_user_id_program_lends_nobody_its_privileges() {
    let namespace = Namespace::new("climber");
    let script = r#"
ready, go, hold = os.pipe(), os.pipe(), os.pipe()
def climb():
    become_ordinary()
    endpoint = audit()
    expect(asked(endpoint, user(b"early")), ("error", -1))
    os.write(ready[1], b"x")
    os.read(go[0], 1)
    endpoint.send(settings(1, enabled=0))
    endpoint.send(user(b"forged"))
    os.dup2(hold[0], 0)
    os.set_inheritable(endpoint.fileno(), True)
    os.execv("/usr/bin/su", ["su", "-c", "true"])
climber = child(climb)
os.read(ready[0], 1)
def while_nobody_reads():
    os.write(go[1], b"x")
    until(lambda: effective(climber) != 0)
stopped(while_nobody_reads)
time.sleep(0.3)
expect(status()[0], 1)
ended(climber)
"#;
    let outcome = namespace.member(script).succeeded();
    let log = namespace.log();
    assert!(!log.contains("forged") && !log.contains("audit_enabled"), "{log} {outcome:?}");
}

#[test]
fn what_was_sent_before_a_close_with_answers_unread_is_recorded() {
    let namespace = Namespace::new("unread");
    let script = r#"
endpoint = audit()
endpoint.send(get())
time.sleep(0.2)
def last_words():
    for number in range(50):
        endpoint.send(user(b"last word %d" % number))
    endpoint.close()
stopped(last_words)
"#;
    namespace.member(script).succeeded();
    assert_eq!(namespace.log().matches("last word").count(), 50);
}

#[test]
fn a_descriptor_that_closes_slowly_holds_nobody_up() {
    let script = r#"
listener = socket.create_server(("127.0.0.1", 0))
stream = socket.create_connection(listener.getsockname())
stream.setblocking(False)
try:
    while True:
        stream.send(bytes(65536))
except BlockingIOError:
    pass
stream.setblocking(True)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 30))
hostile, other = audit(), audit()
try:
    hostile.sendmsg([get()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [stream.fileno()]))])
except PermissionError:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
stream.close()
expect(asked(other, get(), 5), ("type", 1000))
"#;
    let outcome = Namespace::new("linger").member(script).succeeded();
    assert!(outcome.took < Duration::from_secs(15), "{outcome:?}");
}

#[test]
fn answers_that_nobody_reads_take_bounded_memory() {
    let script = r#"
endpoint = audit()
for number in range(4096):
    endpoint.send(keyed(number))
    expect(answer(endpoint), ("error", 0))
before = memory()
endpoints = [audit() for _ in range(60)]
for endpoint in endpoints:
    endpoint.send(message(1013))
time.sleep(2)
grown = memory() - before
assert grown < 120, f"{grown} MB"
expect(status()[0], 1)
until(lambda: ticks() < 20, 30)
"#;
    let namespace = Namespace::new("lists");
    let outcome = namespace.member(script).succeeded();
    assert!(outcome.stderr.contains("answers that a member does not read were dropped"), "{outcome:?}");
    assert!(outcome.stderr.lines().count() < 60, "{outcome:?}");
}

#[test]
fn questions_to_a_daemon_that_does_not_read_take_no_memory() {
    let script = r#"
other, daemon = audit(), audit()
expect(asked(other, settings(16, limit=0)), ("error", 0))
expect(asked(daemon, settings(4, pid=os.getpid())), ("error", 0))
def ask():
    mine = audit()
    for _ in range(20000):
        expect(asked(mine, settings(4, pid=os.getpid()), 30), ("error", -17))
before = memory()
joined(child(ask))
grown = memory() - before
assert grown < 40, f"{grown} MB"
"#;
    Namespace::new("replace").member(script).succeeded();
}

#[test]
fn a_file_system_that_never_answers_holds_nobody_up() {
    let script = r#"
import select
try:
    device = os.open("/dev/fuse", os.O_RDWR)
except OSError:
    sys.exit(0)
folder = sys.argv[1].encode()
assert libc.unshare(0x20000) == 0 and libc.mount(b"none", b"/", None, 0x44000, None) == 0
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
if libc.mount(b"x", folder, b"fuse.x", 0, options) != 0:
    sys.exit(0)
endpoints = [audit() for _ in range(20)]
for endpoint in endpoints:
    endpoint.send(watch(folder + b"/x"))
until(lambda: len(select.select(endpoints, [], [], 0)[0]) >= 4)
found = [answer(endpoint, 0.05) for endpoint in endpoints]
assert found.count("nothing") == 16 and found.count(("error", -12)) == 4, found
expect(status()[0], 1)
for endpoint in endpoints[:10]:
    endpoint.close()
assert ticks() <= 2
os.close(device)
expect(answer(endpoints[10]), ("error", -107))
expect(asked(endpoints[19], watch(b"/usr")), ("error", 0))
"#;
    let namespace = Namespace::new("fuse");
    let folder = tempfile::tempdir().unwrap();
    start(as_member(&mut namespace.command(), script).arg(folder.path())).wait().succeeded();
}

#[test]
fn nobody_without_privileges_has_paths_looked_up() {
    let script = r#"
become_ordinary()
endpoint = audit()
def threads():
    return len(os.listdir(f"/proc/{SUPERVISOR}/task"))
before = threads()
expect(asked(endpoint, watch(b"/")), ("error", -1))
expect(threads(), before)
"#;
    Namespace::new("paths").member(script).succeeded();
}

#[test]
fn nothing_that_members_leave_undone_keeps_the_processor_busy() {
    let script = r#"
def flood(then):
    endpoint = audit()
    endpoint.setblocking(False)
    try:
        while True:
            endpoint.send(message(5000, bytes(6000)))
    except BlockingIOError:
        pass
    then()
def check(what):
    used = []
    # What has just begun ends soon; who is busy for nothing stays so.
    try:
        until(lambda: used.append(ticks()) or used[-1] <= 5, 20)
    except AssertionError:
        sys.exit(f"{what}: {used} ticks")
pid = child(lambda: flood(lambda: time.sleep(60)))
check("unread answers")
ended(pid)
check("unread answers, closed")
pid = child(lambda: flood(lambda: os.kill(os.getpid(), signal.SIGSTOP)))
check("stopped reader")
ended(pid)
check("stopped reader killed")
def daemon():
    endpoint = audit()
    expect(asked(endpoint, settings(4, pid=os.getpid())), ("error", 0))
    time.sleep(60)
pid = child(daemon)
until(lambda: status()[2] == pid)
def send():
    endpoint = audit()
    endpoint.setblocking(False)
    for _ in range(2000):
        try:
            endpoint.send(user(b"x" * 8000))
        except BlockingIOError:
            break
        time.sleep(0.001)
for _ in range(8):
    joined(child(send))
check("stuck daemon, senders that wait and are gone")
os.kill(pid, signal.SIGSTOP)
check("stopped daemon")
ended(pid)
check("daemon killed")
endpoint = audit()
endpoint.send(b"")
endpoint.send(b"\xff" * 16)
expect(asked(endpoint, get()), ("type", 1000))
check("an empty message")
"#;
    Namespace::new("idle").member(script).succeeded();
}

#[test]
fn members_killed_inside_socket_leave_nothing() {
    let script = r#"
descriptors = lambda: len(os.listdir(f"/proc/{SUPERVISOR}/fd"))
def open_for_ever():
    while True:
        audit().close()
for _ in range(150):
    pid = child(open_for_ever)
    time.sleep(0.003)
    ended(pid)
threads = [threading.Thread(target=lambda: [audit().close() for _ in range(500)]) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
until(lambda: descriptors() < 128 * 3 + 80)
"#;
    Namespace::new("killed").member(script).succeeded();
}

#[test]
fn a_socket_in_a_queue_that_nobody_holds_is_collected() {
    let script = r#"
descriptors = lambda: len(os.listdir(f"/proc/{SUPERVISOR}/fd"))
# What auditns makes in advance, and how much that varies.
audit().close()
advance = 40
before = descriptors()
one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(100):
    endpoint = audit()
    rights = array.array("i", [endpoint.fileno(), one.fileno(), other.fileno()])
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    endpoint.close()
assert descriptors() >= before + 100 - advance
one.close()
other.close()
def collected():
    socket.socketpair()[0].close()
    return descriptors() < before + advance
until(collected)
"#;
    Namespace::new("queue").member(script).succeeded();
}

#[test]
fn a_forged_sender_is_refused_and_a_stranger_gains_nothing() {
    let script = r#"
def forge():
    become_ordinary()
    endpoint = audit()
    for pid, uid in ((SUPERVISOR, 0), (os.getpid(), 0), (1, 54321)):
        try:
            forged = struct.pack("iii", pid, uid, uid)
            endpoint.sendmsg([user(b"forged")], [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, forged)])
            print("sent")
        except PermissionError:
            pass
    expect(asked(endpoint, user(b"plain")), ("error", -1))
joined(child(forge))
"#;
    let namespace = Namespace::new("credentials");
    let outcome = namespace.member(script).succeeded();
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    assert!(!namespace.log().contains("forged"));
}
