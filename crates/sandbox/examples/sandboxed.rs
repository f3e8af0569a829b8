//! Enters the sandbox and tries one thing, for the tests: `sandboxed TASK ATTEMPT FILE`. Prints `done` or the error.

#![allow(unsafe_code, reason = "it makes calls that nothing else here makes")]

use auditns_sandbox::{Sandbox, Tasks, confine_thread, confine_to_bpf, keep_bpf_capabilities};
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with};
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// Commands of `bpf(2)`.
const LOOK_UP: i64 = 1;
const LOAD_PROGRAM: i64 = 5;

type Attempt = Result<(), Box<dyn Error>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [task, attempt, file] = arguments.as_slice() else { return Err("three arguments".into()) };
    if attempt == "late" {
        late();
        return Ok(());
    }
    if task == "membership" {
        keep_bpf_capabilities()?;
        confine_to_bpf(&[LOOK_UP.try_into()?])?;
        say(attempt, Path::new(file));
        return Ok(());
    }
    let sandbox = Sandbox::enter(Tasks { forwards: task == "forward" })?;
    for shortcoming in sandbox.shortcomings() {
        println!("{shortcoming}");
    }
    let waits = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        // A thread that is there before the sandbox is sealed.
        let tried = scope.spawn(|| {
            waits.wait();
            say(attempt, Path::new(file));
        });
        if attempt != "mount-unsealed" {
            sandbox.seal()?;
        }
        waits.wait();
        let _ = tried.join();
        Ok(())
    })
}

fn say(attempt: &str, file: &Path) {
    match try_it(attempt, file) {
        Ok(()) => println!("done"),
        Err(error) => println!("{error}"),
    }
}

fn late() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || _ = ended.recv());
        match Sandbox::enter(Tasks { forwards: false }) {
            Ok(_) => println!("done"),
            Err(error) => println!("{error}"),
        }
        drop(end);
    });
}

#[allow(deprecated, reason = "nobody here has borrowed descriptors or a folder from another thread")]
fn try_it(attempt: &str, file: &Path) -> Attempt {
    let socket = |family, protocol| -> Attempt {
        socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        Ok(())
    };
    let parent = || rustix::process::getppid().ok_or("no parent");
    match attempt {
        "nothing" => {}
        "status" => {
            let status = std::fs::read_to_string("/proc/thread-self/status")?;
            let wanted = ["Cap", "NoNewPrivs:", "Seccomp:"];
            let lines = status.lines().filter(|line| wanted.iter().any(|start| line.starts_with(start)));
            lines.for_each(|line| println!("{line}"));
        }
        "look-up" | "load-program" => {
            let command = if attempt == "look-up" { LOOK_UP } else { LOAD_PROGRAM };
            // SAFETY: with no bytes of attributes nothing is read.
            let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::null::<u8>(), 0) };
            if result < 0 {
                return Err(std::io::Error::last_os_error().into());
            }
        }
        "write" => std::fs::write(file, "x")?,
        "execute" => return Err(Command::new("/bin/true").exec().into()),
        "fork-and-execute" => return Err(Command::new("/bin/true").status()?.to_string().into()),
        "mount" | "mount-unsealed" => rustix::mount::mount("x", file, "tmpfs", MountFlags::empty(), None)?,
        "unmount" => rustix::mount::unmount(file, UnmountFlags::DETACH)?,
        "unmount-at-once" => rustix::mount::unmount(file, UnmountFlags::empty())?,
        "chroot" => rustix::process::chroot(file)?,
        "become-another" => {
            rustix::thread::set_thread_res_uid(
                rustix::fs::Uid::from_raw(1),
                rustix::fs::Uid::from_raw(1),
                rustix::fs::Uid::from_raw(1),
            )?;
        }
        "chmod" => rustix::fs::chmod(file, rustix::fs::Mode::empty())?,
        "chown" => rustix::fs::chown(file, None, Some(rustix::fs::Gid::from_raw(1)))?,
        "symlink" => std::os::unix::fs::symlink(file, file.with_extension("link"))?,
        "kill" => kill_process(parent()?, Signal::WINCH)?,
        "inet" => return socket(AddressFamily::INET, None),
        "route" => return socket(AddressFamily::NETLINK, None),
        "audit" => return socket(AddressFamily::NETLINK, Some(netlink::AUDIT)),
        "unix" => {
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        }
        "new-user-namespace" => rustix::thread::unshare(rustix::thread::UnshareFlags::NEWUSER)?,
        "new-network-namespace" => rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET)?,
        "executable-memory" => auditns_sys::probe::map_code(File::open("/proc/self/exe")?)?,
        "limits-of-another" => drop(rustix::process::prlimit(
            Some(parent()?),
            rustix::process::Resource::Core,
            rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
        )?),
        "look-at-another" => drop(File::open(namespace_of(parent()?))?),
        "confined-reads" => {
            confined()?;
            drop(File::open("/etc/passwd")?);
        }
        "confined-looks-at-another" => {
            confined()?;
            drop(File::open(namespace_of(parent()?))?);
        }
        "confined-writes-to-what-is-open" => {
            let mut open = File::create(file)?;
            confined()?;
            std::io::Write::write_all(&mut open, b"x")?;
        }
        _ => return Err("no such attempt".into()),
    }
    Ok(())
}

fn namespace_of(pid: Pid) -> String {
    format!("/proc/{}/ns/pid", pid.as_raw_nonzero())
}

fn confined() -> Attempt {
    if confine_thread()? { Ok(()) } else { Err("this kernel has no Landlock".into()) }
}
