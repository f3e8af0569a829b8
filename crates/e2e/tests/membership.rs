//! Which namespace a process of a container is in, however it came there. On the host itself: the kernel tells numbers of the
//! first pid namespace.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use auditns_e2e::process;
use auditns_e2e::supervised::Supervisor;
use rustix::process::Signal;

const LIMIT: Duration = Duration::from_secs(60);

/// A container of busybox that sleeps, made in the folder `$1` by the runtime there. Prints the number of its first process, of
/// one that is executed in it, and of a daemon that another one that is executed leaves behind.
const BEGIN: &str = r#"
cd "$1"
mkdir -p bundle/rootfs/bin
cp /bin/busybox bundle/rootfs/bin
for name in sh sleep setsid; do ln -sf busybox "bundle/rootfs/bin/$name"; done
(cd bundle && runc spec)
sed -i 's/"terminal": true/"terminal": false/; s/"sh"$/"sleep", "4001"/' bundle/config.json
runtime="./auditns-runc --root $1/state"
$runtime run --detach --pid-file "$1/first" --bundle bundle membership </dev/null >/dev/null 2>&1
$runtime exec --detach --pid-file "$1/executed" membership sleep 4002 </dev/null >/dev/null 2>&1
daemon="sleep 4003$$"
$runtime exec membership sh -c "setsid $daemon </dev/null >/dev/null 2>&1 &" </dev/null >/dev/null 2>&1
until pid=$(pgrep -x -f "$daemon"); do sleep 0.02; done
echo "$(cat "$1/first") $(cat "$1/executed") $pid"
"#;

/// Ends it.
const END: &str = r#"
cd "$1"
./auditns-runc --root "$1/state" delete --force membership
"#;

/// The container ends whatever the test comes to.
struct Container<'s> {
    supervisor: &'s Supervisor,
    folder: PathBuf,
}

impl Container<'_> {
    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-euc", script, "sh"]).arg(&self.folder);
        command.env("AUDITNS_RUN_DIR", self.supervisor.dir().path().join("run"));
        command
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            process::run(&mut self.shell(END), LIMIT);
        }
    }
}

#[test]
fn what_a_runtime_executes_in_a_container_is_in_its_namespace() {
    let supervisor = Supervisor::start("membership");
    let folder = supervisor.dir().folder("runc");
    symlink(auditns_e2e::auditns::program(), folder.join("auditns-runc")).expect("the folder is writable");
    let container = Container { supervisor: &supervisor, folder };
    let pids = process::must(&mut container.shell(BEGIN), LIMIT);
    let told = |pid: &str| process::must(supervisor.auditns("show").args(["--pid", pid, "--json"]), LIMIT);
    let right = || {
        let exact =
            || told(pids.split_whitespace().next().unwrap_or_default()).contains("\"membership\": \"exact\"");
        assert!(process::until(LIMIT, exact), "the kernel is not asked");
        for pid in pids.split_whitespace() {
            let told = told(pid);
            for part in ["\"name\": \"membership\"", "\"members\": 3", "\"membership\": \"exact\""] {
                assert!(told.contains(part), "{pid}: {told}");
            }
        }
    };
    assert_eq!(pids.split_whitespace().count(), 3, "{pids}");
    right();
    supervisor.signal(Signal::KILL);
    supervisor.answering();
    right();
    supervisor.upgrade();
    right();
    process::must(&mut container.shell(END), LIMIT);
    assert!(fs::read_dir(container.folder.join("state")).is_ok_and(|mut left| left.next().is_none()));
}
