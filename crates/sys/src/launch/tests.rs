//! These run as root: unsetting a login uid and dropping capabilities need somebody who has them.

use super::*;
use crate::arch::Architecture;
use crate::call::{Call, SignalTarget, classify};
use crate::filter::{AllowList, assemble_allow_lists};
use crate::testing::{below_filter, drop_capability, eventually, next};
use std::io::Read;
use std::process::Stdio;
use std::thread;

const SYS_ADMIN: u32 = 21;
const AUDIT_CONTROL: u32 = 30;

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

/// Waits for the program and returns what it wrote.
fn output(launched: &mut Launched) -> String {
    let mut text = String::new();
    launched.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(launched.child.wait().unwrap().success(), "{text}");
    text
}

fn quiet() -> LaunchOptions {
    LaunchOptions {
        allow: None,
        new_session_keyring: false,
        filter: FilterOptions { notify_signals: false, refuse_io_uring: true, refuse_sender_handles: false },
        loginuid: LoginuidReset::Keep,
        keep_ignored: Vec::new(),
    }
}

/// Runs in a thread, because capabilities and login uids are a thread's.
fn apart<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(body).join().unwrap())
}

fn set_own_loginuid(value: u32) {
    std::fs::write("/proc/thread-self/loginuid", value.to_string()).unwrap();
}

#[test]
fn a_program_runs_below_the_filter_and_its_calls_arrive() {
    let options = LaunchOptions { loginuid: LoginuidReset::Keep, ..LaunchOptions::default() };
    let mut launched = spawn(shell("kill -USR1 4194304; echo $?"), &options).unwrap();
    let notification = next(&launched.listener);
    assert_eq!(notification.tid, launched.child.id());
    let target = SignalTarget::Process(4_194_304);
    assert_eq!(classify(&notification).unwrap(), Call::Signal { target, signal: 10 });
    launched.listener.answer_value(notification.id, 0).unwrap();
    assert_eq!(output(&mut launched), "0\n");
    assert!(launched.wait_killable);
    eventually("hang-up", || launched.listener.is_hung_up().unwrap());
}

#[test]
fn privileges_are_kept_where_the_kernel_permits() {
    let script = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status";
    let mut launched = spawn(shell(script), &quiet()).unwrap();
    assert!(!launched.no_new_privileges);
    assert_eq!(output(&mut launched), "NoNewPrivs:\t0\nSeccomp:\t2\n");
    let mut without = apart(|| {
        drop_capability(SYS_ADMIN);
        spawn(shell(script), &quiet()).unwrap()
    });
    assert!(without.no_new_privileges);
    assert_eq!(output(&mut without), "NoNewPrivs:\t1\nSeccomp:\t2\n");
}

/// Shows whether the keys of the starter's session are those of the program: the keyring that it possesses.
#[test]
fn a_session_keyring_of_its_own_has_none_of_the_starters_keys() {
    // A key that only those who possess it can see.
    let make = "import ctypes, os, sys\nkernel = ctypes.CDLL(None).syscall\nkernel(250, 1, None)\n\
                key = kernel(248, b'user', b'auditns-unit-test', b'x', 1, -3)\nassert kernel(250, 5, key, 0x3f000000) == 0\n\
                os.execv(sys.argv[1], sys.argv[1:])";
    let look = "launch::tests::prints_what_a_member_finds_of_a_key";
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", make]).arg(program).args(["--exact", look, "--nocapture"]).env(LOOKS, "1");
    let finished = command.output().unwrap();
    let text = String::from_utf8_lossy(&finished.stdout);
    assert!(finished.status.success() && text.contains("kept 1, left 0\n"), "{text}");
}

/// Set where the test before this one runs this one.
const LOOKS: &str = "AUDITNS_UNIT_TEST_LOOKS";

#[test]
fn prints_what_a_member_finds_of_a_key() {
    if std::env::var_os(LOOKS).is_none() {
        return;
    }
    let [kept, left] = [false, true].map(|new_session_keyring| {
        let options = LaunchOptions { new_session_keyring, ..quiet() };
        output(&mut spawn(shell("grep -c auditns-unit-test /proc/keys || true"), &options).unwrap())
    });
    println!("\nkept {}, left {}", kept.trim(), left.trim());
}

#[test]
fn a_list_of_calls_may_be_one_that_allows_no_further_filter() {
    let every = (0..500).filter(|number| i64::from(*number) != libc::SYS_seccomp).collect();
    let architecture =
        if cfg!(target_arch = "x86_64") { Architecture::X86_64 } else { Architecture::Aarch64 };
    let list = AllowList { architecture, allowed: every, known: [].into() };
    let allow = Some(assemble_allow_lists(&[list]).unwrap());
    let options = LaunchOptions { allow, ..quiet() };
    let mut launched = spawn(shell("grep ^Seccomp_filters: /proc/self/status"), &options).unwrap();
    let filters = output(&mut launched);
    assert_eq!(filters.split_whitespace().last().map(str::parse), Some(Ok(2)), "{filters}");
}

#[test]
fn signals_are_reset_except_those_that_stay_ignored() {
    let options = LaunchOptions { keep_ignored: vec![1, 99, -3], ..quiet() };
    let mut launched = apart(|| {
        // SAFETY: an all-zero signal set is a valid value, and it is live.
        let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer names a live set.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: the set is initialised; the thread ends soon, and its mask with it.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, std::ptr::null_mut()) };
        // Without a shell in between, which has its own ideas about signals.
        let mut command = Command::new("grep");
        command.args(["-E", "^Sig(Blk|Ign):", "/proc/self/status"]).stdout(Stdio::piped());
        spawn(command, &options).unwrap()
    });
    assert_eq!(output(&mut launched), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
}

#[test]
fn the_listener_and_the_channel_do_not_leak_into_the_program() {
    let mut launched = spawn(shell("ls -l /proc/self/fd"), &quiet()).unwrap();
    let text = output(&mut launched);
    assert!(
        text.contains("0 -> /dev/null") && !text.contains("seccomp") && !text.contains("socket"),
        "{text}"
    );
}

#[test]
fn a_login_uid_is_unset_once() {
    let (mut launched, mut again) = apart(|| {
        set_own_loginuid(4242);
        let options = LaunchOptions { loginuid: LoginuidReset::Require, ..quiet() };
        let launched = spawn(shell("cat /proc/self/loginuid"), &options).unwrap();
        set_own_loginuid(u32::MAX);
        (launched, spawn(shell("cat /proc/self/loginuid"), &options).unwrap())
    });
    assert_eq!(launched.loginuid, LoginuidOutcome::Reset);
    assert_eq!(output(&mut launched), "4294967295");
    assert_eq!(again.loginuid, LoginuidOutcome::WasUnset);
    assert_eq!(output(&mut again), "4294967295");
}

#[test]
fn a_login_uid_that_cannot_be_unset_is_reported_or_an_error() {
    let (mut kept, mut tried, required) = apart(|| {
        set_own_loginuid(4243);
        drop_capability(AUDIT_CONTROL);
        let start =
            |loginuid| spawn(shell("cat /proc/self/loginuid"), &LaunchOptions { loginuid, ..quiet() });
        (
            start(LoginuidReset::Keep).unwrap(),
            start(LoginuidReset::Try).unwrap(),
            start(LoginuidReset::Require),
        )
    });
    assert_eq!(kept.loginuid, LoginuidOutcome::Kept);
    assert_eq!(tried.loginuid, LoginuidOutcome::Refused(libc::EPERM));
    assert_eq!(output(&mut kept), "4243");
    assert_eq!(output(&mut tried), "4243");
    let error = required.unwrap_err();
    assert!(matches!(error, LaunchError::LoginuidRefused(_)), "{error:?}");
    assert!(error.to_string().contains("CAP_AUDIT_CONTROL"));
    assert_eq!(error.exit_code(), 125);
}

#[test]
fn a_second_listener_is_refused_with_its_reason() {
    let nothing =
        FilterOptions { notify_signals: false, refuse_io_uring: false, refuse_sender_handles: false };
    let (error, ()) = below_filter(
        nothing,
        || spawn(shell("true"), &quiet()).unwrap_err(),
        |listener| {
            eventually("end of the member", || listener.is_hung_up().unwrap());
        },
    );
    assert!(matches!(error, LaunchError::SecondListener), "{error:?}");
    assert!(error.to_string().contains("already runs below a seccomp listener"), "{error}");
}

#[test]
fn programs_that_do_not_start_are_told_apart() {
    let missing = spawn(Command::new("/nonexistent/program"), &quiet()).unwrap_err();
    assert!(matches!(&missing, LaunchError::Program { program, .. } if program == "/nonexistent/program"));
    assert_eq!(missing.exit_code(), 127);
    assert!(missing.to_string().starts_with("/nonexistent/program could not be executed"), "{missing}");
    let in_path = spawn(Command::new("auditns-test-no-such-program"), &quiet()).unwrap_err();
    assert_eq!(in_path.exit_code(), 127);
    let forbidden = spawn(Command::new("/etc/passwd"), &quiet()).unwrap_err();
    assert_eq!(forbidden.exit_code(), 126);
}

#[test]
fn a_missing_working_directory_is_not_blamed_on_the_program() {
    let mut command = shell("true");
    command.current_dir("/nonexistent/directory");
    let error = spawn(command, &quiet()).unwrap_err();
    assert!(matches!(error, LaunchError::Start(_)), "{error:?}");
    assert_eq!(error.exit_code(), 125);
}

#[test]
fn every_failing_step_has_its_own_error() {
    let error = |step, errno| LaunchError::from_step(step, errno);
    assert!(matches!(error(Step::Filter, libc::EBUSY), LaunchError::SecondListener));
    assert!(matches!(error(Step::Filter, libc::EINVAL), LaunchError::KernelTooOld(_)));
    assert!(matches!(error(Step::Filter, libc::ENOSYS), LaunchError::KernelTooOld(_)));
    assert!(matches!(error(Step::Filter, libc::EACCES), LaunchError::FilterRefused(_)));
    assert!(matches!(error(Step::NoNewPrivileges, libc::EINVAL), LaunchError::NoNewPrivileges(_)));
    assert!(matches!(error(Step::Loginuid, libc::EPERM), LaunchError::LoginuidRefused(_)));
    assert!(matches!(error(Step::Keyring, libc::EDQUOT), LaunchError::Keyring(_)));
    assert!(matches!(error(Step::Namespace, libc::EPERM), LaunchError::NoNestedNamespace(_)));
    assert!(matches!(error(Step::HandOver, libc::EMFILE), LaunchError::HandOver));
}

#[test]
fn ignored_signals_are_those_that_the_process_ignores() {
    let ignored_as_seen_by_the_kernel = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap().trim().to_owned();
        u64::from_str_radix(&mask, 16).unwrap()
    };
    // Nobody sends this one here.
    let signal = 50;
    // SAFETY: ignoring a signal runs no code.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
    assert!(ignored_signals().contains(&signal));
    assert!(!ignored_signals().contains(&libc::SIGPIPE));
    assert_ne!(
        ignored_as_seen_by_the_kernel() & 1 << (libc::SIGPIPE - 1),
        0,
        "the Rust runtime ignores SIGPIPE"
    );
    // SAFETY: the default disposition runs no code of this process.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
    assert!(!ignored_signals().contains(&signal));
}

#[test]
fn a_program_that_is_not_admitted_is_not_executed_and_leaves_no_process() {
    let (mut output, input) = std::io::pipe().unwrap();
    let mut command = Command::new("echo");
    command.arg("executed").stdout(input);
    let mut candidate = 0;
    let refused = spawn_admitted(command, &LaunchOptions::default(), |known| {
        candidate = known.pid;
        Err(LaunchError::HandOver)
    });
    assert!(matches!(refused, Err(LaunchError::HandOver)));
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "");
    assert!(candidate != 0 && !std::path::Path::new(&format!("/proc/{candidate}")).exists());
}
