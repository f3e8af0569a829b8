//! Waits for a line, makes a task in some way, prints the number of that task in the first PID namespace, and stays until its
//! standard input ends: `member WAY`. For the tests.

#![allow(unsafe_code, reason = "it makes tasks in every way that there is")]

use std::error::Error;
use std::ffi::CString;
use std::io::{BufRead, Read, stdin};
use std::path::Path;
use std::sync::mpsc::channel;

type Outcome = Result<(), Box<dyn Error>>;

/// Filters that are put on top.
const FILTERS: usize = 500;
/// `CLONE_INTO_CGROUP`, which does not fit into the C library's type.
const INTO_CGROUP: u64 = 1 << 33;
/// Processes of a batch.
const BATCH: usize = 50;
/// Threads of `threads`.
const THREADS: usize = 20;

fn main() -> Outcome {
    let way = std::env::args().nth(1).unwrap_or_default();
    if way == "executed" {
        // SAFETY: gettid cannot fail and touches no memory.
        println!("{}", unsafe { libc::gettid() });
        return stay();
    }
    stdin().lock().read_line(&mut String::new())?;
    make(&way)?;
    stay()
}

fn make(way: &str) -> Outcome {
    match way {
        "own" => {
            say(own());
            Ok(())
        }
        "fork" => child(0, None).map(say),
        "vfork" => vfork_and_execute(),
        "thread" => thread(),
        "threads" => (0..THREADS).try_for_each(|_| thread()),
        "daemon" => daemon(),
        "exec-of-a-thread" => execute_in_thread(),
        "clone-parent" => child(libc::CLONE_PARENT, None).map(say),
        "into-cgroup" => into_cgroup(),
        "new-namespaces" => child(libc::CLONE_NEWUSER | libc::CLONE_NEWPID, None).map(say),
        "io-uring" => io_uring(),
        "filters" => filters().and_then(|()| child(0, None)).map(say),
        "batches" => batches(),
        "leaderless" => {
            leaderless();
            Ok(())
        }
        "restless" => {
            restless();
            Ok(())
        }
        other => Err(format!("no way {other:?}").into()),
    }
}

fn say(tid: i32) {
    println!("{tid}");
}

fn own() -> i32 {
    // SAFETY: gettid cannot fail and touches no memory.
    unsafe { libc::gettid() }
}

/// Until whoever has started this closes its end.
fn stay() -> Outcome {
    stdin().lock().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A process that stays, made by `clone3(2)`.
fn child(flags: i32, cgroup: Option<i32>) -> Result<i32, Box<dyn Error>> {
    // SAFETY: all of it may be zero.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from(flags.unsigned_abs());
    if flags & libc::CLONE_PARENT == 0 {
        arguments.exit_signal = u64::from(libc::SIGCHLD.unsigned_abs());
    }
    if let Some(cgroup) = cgroup {
        arguments.flags |= INTO_CGROUP;
        arguments.cgroup = u64::from(cgroup.unsigned_abs());
    }
    // SAFETY: a copy of this process, whose only thread this is, that makes simple calls only.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of_val(&arguments)) };
    match pid {
        -1 => Err(std::io::Error::last_os_error().into()),
        0 => {
            let _ = stay();
            // SAFETY: ends this process without what belongs to its parent.
            unsafe { libc::_exit(0) }
        }
        pid => Ok(i32::try_from(pid)?),
    }
}

extern "C" fn execute(arguments: *mut libc::c_void) -> libc::c_int {
    let arguments: *const *const libc::c_char = arguments.cast_const().cast();
    // SAFETY: the first argument is there, and names the program.
    let program = unsafe { *arguments };
    // SAFETY: both are terminated as they have to be.
    unsafe { libc::execv(program, arguments) }
}

fn vfork_and_execute() -> Outcome {
    let program = CString::new(std::env::current_exe()?.into_os_string().into_encoded_bytes())?;
    let executed = c"executed";
    let arguments = [program.as_ptr(), executed.as_ptr(), std::ptr::null()];
    // A stack of its own, since this one is in use.
    let mut stack = vec![0_u8; 64 * 1024];
    let top = stack.as_mut_ptr_range().end.cast();
    let flags = libc::CLONE_VFORK | libc::CLONE_VM | libc::SIGCHLD;
    let arguments = arguments.as_ptr().cast_mut().cast();
    // SAFETY: the function runs on the other stack, while this thread waits for it to execute a program.
    match unsafe { libc::clone(execute, top, flags, arguments) } {
        -1 => Err(std::io::Error::last_os_error().into()),
        // It says its number itself.
        _ => Ok(()),
    }
}

fn thread() -> Outcome {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let _ = tell.send(own());
        loop {
            std::thread::park();
        }
    });
    say(told.recv()?);
    Ok(())
}

fn daemon() -> Outcome {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        -1 => return Err(std::io::Error::last_os_error().into()),
        0 => {
            // SAFETY: no memory is touched.
            unsafe { libc::setsid() };
            say(child(0, None)?);
            // SAFETY: ends this process without what belongs to its parent.
            unsafe { libc::_exit(0) }
        }
        _ => {}
    }
    // SAFETY: nobody waits for the status.
    unsafe { libc::wait(std::ptr::null_mut()) };
    Ok(())
}

/// The thread becomes the first one of the process, and takes its number.
fn execute_in_thread() -> Outcome {
    let program = std::env::current_exe()?;
    std::thread::spawn(move || {
        let error =
            std::os::unix::process::CommandExt::exec(std::process::Command::new(program).arg("executed"));
        eprintln!("member: {error}");
    });
    loop {
        std::thread::park();
    }
}

/// A control group of its own, which is removed when the process is gone: by the test, which knows its name.
fn into_cgroup() -> Outcome {
    let unified = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        .into_iter()
        .find(|path| Path::new(path).join("cgroup.procs").exists());
    let group = Path::new(unified.ok_or("there are no control groups of version 2")?)
        .join(format!("auditns-test-{}", std::process::id()));
    std::fs::create_dir(&group)?;
    let folder = std::fs::File::open(&group)?;
    say(child(0, Some(std::os::fd::AsRawFd::as_raw_fd(&folder)))?);
    Ok(())
}

/// A thread of the kernel's that polls for this process.
fn io_uring() -> Outcome {
    // `struct io_uring_params`, of which the third word are the flags: IORING_SETUP_SQPOLL.
    let mut parameters = [0_u32; 30];
    parameters[2] = 2;
    // SAFETY: the structure has 120 bytes.
    if unsafe { libc::syscall(libc::SYS_io_uring_setup, 4, parameters.as_mut_ptr()) } < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    // It gets its name when it runs.
    loop {
        for task in std::fs::read_dir("/proc/self/task")?.flatten() {
            if std::fs::read_to_string(task.path().join("comm"))?.starts_with("iou-sqp") {
                println!("{}", task.file_name().to_string_lossy());
                return Ok(());
            }
        }
        std::thread::yield_now();
    }
}

/// Filters that allow everything.
fn filters() -> Outcome {
    // BPF_RET | BPF_K with SECCOMP_RET_ALLOW.
    let mut allow = [libc::sock_filter { code: 6, jt: 0, jf: 0, k: 0x7fff_0000 }];
    let program = libc::sock_fprog { len: 1, filter: allow.as_mut_ptr() };
    for _ in 0..FILTERS {
        // SAFETY: the program has one instruction, which the kernel copies.
        if unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) }
            != 0
        {
            return Err(std::io::Error::last_os_error().into());
        }
    }
    Ok(())
}

/// For each line so many processes, each with one of its own, in the place of those from before, which end meanwhile.
fn batches() -> Outcome {
    // SAFETY: nobody waits for children; they are gone when they end.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    loop {
        let (stays, goes) = std::io::pipe()?;
        let mut numbers = Vec::new();
        for _ in 0..BATCH / 2 {
            let (mut told, tell) = std::io::pipe()?;
            // SAFETY: this process has one thread.
            match unsafe { libc::fork() } {
                -1 => return Err(std::io::Error::last_os_error().into()),
                0 => {
                    // SAFETY: as above.
                    let child = unsafe { libc::fork() };
                    if child > 0 {
                        let _ = std::io::Write::write_all(&mut &tell, &child.to_ne_bytes());
                    }
                    drop((goes, tell));
                    let _ = (&stays).read(&mut [0]);
                    // SAFETY: ends this process without what belongs to its parent.
                    unsafe { libc::_exit(0) }
                }
                child => numbers.push(child),
            }
            drop(tell);
            let mut number = [0; 4];
            told.read_exact(&mut number)?;
            numbers.push(i32::from_ne_bytes(number));
        }
        numbers.into_iter().for_each(say);
        if stdin().lock().read_line(&mut String::new())? == 0 {
            return Ok(());
        }
        drop(goes);
    }
}

/// A thread stays and the first one does not.
fn leaderless() {
    std::thread::spawn(|| {
        say(own());
        let _ = stay();
        std::process::exit(0);
    });
    // SAFETY: ends this thread alone, and nothing on its stack is used by the other one.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

/// Threads that make threads, as fast as they can, until the end.
fn restless() {
    fn go_on() {
        std::thread::spawn(go_on);
    }
    for _ in 0..4 {
        go_on();
    }
    say(own());
}
