use super::*;
use crate::call::{Call, classify};
use crate::filter::FilterOptions;
use crate::testing::{
    audit_socket, below_filter, call, endpoint_pair, eventually, flags_of, fork, next, signal, wait,
};
use std::os::fd::FromRawFd;
use std::sync::mpsc;

const SOCKETS: FilterOptions =
    FilterOptions { notify_signals: false, refuse_io_uring: false, refuse_sender_handles: false };

/// Takes over what a call returned as descriptor.
fn owned(number: i64) -> OwnedFd {
    assert!(number >= 0, "the call failed with {number}");
    // SAFETY: the number was just returned as a new descriptor of this process, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(i32::try_from(number).unwrap()) }
}

/// Serves one audit socket and returns the supervisor's end.
fn serve(listener: &Listener) -> OwnedFd {
    let notification = next(listener);
    let Call::AuditSocket { close_on_exec, nonblocking, .. } = classify(&notification).unwrap() else {
        panic!("{notification:?}")
    };
    let pair = endpoint_pair(nonblocking);
    assert!(listener.is_valid(notification.id));
    let number =
        listener.inject(notification.id, pair.client.as_fd(), close_on_exec, Patience::Endless).unwrap();
    assert!(number >= 0);
    assert!(!listener.is_valid(notification.id));
    pair.server
}

#[test]
fn a_member_gets_the_injected_socket_with_the_flags_it_asked_for() {
    let flags = [
        (0, (false, false)),
        (libc::SOCK_CLOEXEC, (true, false)),
        (libc::SOCK_NONBLOCK, (false, true)),
        (libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, (true, true)),
    ];
    for (asked, expected) in flags {
        let (client, _server) = below_filter(
            SOCKETS,
            move || owned(audit_socket(libc::SOCK_RAW | asked)),
            |listener| serve(&listener),
        );
        assert_eq!(flags_of(&client), expected, "type flags {asked:#o}");
    }
}

#[test]
fn an_injected_socket_reaches_the_supervisor_and_back() {
    let (client, server) =
        below_filter(SOCKETS, || owned(audit_socket(libc::SOCK_DGRAM)), |listener| serve(&listener));
    rustix::io::write(&client, b"question").unwrap();
    let mut buffer = [0; 64];
    let received = crate::endpoint::receive(&server, &mut buffer).unwrap();
    assert!(
        matches!(received, crate::Received::Message { length: 8, truncated: false, credentials }
            if credentials.pid == std::process::id()),
        "{received:?}"
    );
    assert_eq!(
        crate::endpoint::send(&server, b"answer", crate::endpoint::SentBy::Supervisor).unwrap(),
        crate::Sent::Sent
    );
    assert_eq!(rustix::io::read(&client, &mut buffer).unwrap(), 6);
}

#[test]
fn answers_arrive_as_given() {
    let member = || [(); 3].map(|()| audit_socket(libc::SOCK_RAW));
    let (results, ()) = below_filter(SOCKETS, member, |listener| {
        listener.answer_errno(next(&listener).id, libc::EPROTONOSUPPORT).unwrap();
        listener.answer_value(next(&listener).id, 4711).unwrap();
        // Out of range is brought into range instead of becoming a success.
        listener.answer_errno(next(&listener).id, 0).unwrap();
    });
    assert_eq!(results, [-i64::from(libc::EPROTONOSUPPORT), 4711, -1]);
}

#[test]
fn continue_lets_the_kernel_answer() {
    let options =
        FilterOptions { notify_signals: true, refuse_io_uring: false, refuse_sender_handles: false };
    // No process has this id: ids end at 2^22.
    let member = || call(libc::SYS_kill, [0x7fff_fff0, 12, 0]);
    let (result, ()) =
        below_filter(options, member, |listener| listener.answer_continue(next(&listener).id).unwrap());
    assert_eq!(result, -i64::from(libc::ESRCH));
}

#[test]
fn nothing_else_is_notified_and_receive_does_not_block() {
    let member = || {
        let route = owned(call(libc::SYS_socket, [16, 3, 0]));
        let unix = owned(call(libc::SYS_socket, [1, 1, 0]));
        drop((route, unix));
        // A family that only looks like netlink if nobody looks.
        call(libc::SYS_socket, [17, 99, 9])
    };
    let (result, ()) = below_filter(SOCKETS, member, |listener| {
        eventually("hang-up", || listener.is_hung_up().unwrap());
        assert_eq!(listener.receive().unwrap(), None);
    });
    assert!(result < 0);
}

#[test]
fn io_uring_is_refused_without_asking() {
    let options =
        FilterOptions { notify_signals: false, refuse_io_uring: true, refuse_sender_handles: false };
    let (result, ()) = below_filter(
        options,
        || call(libc::SYS_io_uring_setup, [8, 0, 0]),
        |listener| {
            eventually("hang-up", || listener.is_hung_up().unwrap());
        },
    );
    assert_eq!(result, -i64::from(libc::EPERM));
}

#[test]
fn junk_above_the_low_32_bits_does_not_help() {
    let member = || call(libc::SYS_socket, [0x1_0000_0010, 0xdead_0000_0003, 0xffff_ffff_0000_0009]);
    let (client, _server) = below_filter(SOCKETS, || owned(member()), |listener| serve(&listener));
    assert!(!flags_of(&client).0);
}

#[test]
fn hang_up_comes_when_the_last_descendant_is_gone_and_not_before() {
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    let (sender, receiver) = mpsc::channel();
    let member = move || {
        // Waits for the end of the pipe in the place of a program.
        let child = fork(|| {
            let mut byte = [0];
            i32::from(rustix::io::read(&reader, &mut byte).is_err())
        });
        sender.send(child).unwrap();
        child
    };
    let (child, listener) = below_filter(SOCKETS, member, |listener| {
        let _child = receiver.recv().unwrap();
        listener
    });
    assert!(!listener.is_hung_up().unwrap());
    // The child has a copy of the writing end, so it is ended by signal.
    drop(writer);
    signal(child, libc::SIGKILL);
    assert_eq!(wait(child), -libc::SIGKILL);
    assert!(listener.is_hung_up().unwrap());
    assert_eq!(listener.receive().unwrap(), None);
}

#[test]
fn a_full_table_is_told_apart_and_the_call_can_still_be_answered() {
    let member = || {
        let child = fork(|| {
            let limit = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
            // SAFETY: the pointer names a live structure.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
            i32::try_from(-audit_socket(libc::SOCK_RAW)).unwrap_or(0)
        });
        wait(child)
    };
    let (errno, ()) = below_filter(SOCKETS, member, |listener| {
        let notification = next(&listener);
        let pair = endpoint_pair(false);
        let injected = listener.inject(notification.id, pair.client.as_fd(), true, Patience::Endless);
        assert!(matches!(injected, Err(InjectError::TableFull)), "{injected:?}");
        assert!(listener.is_valid(notification.id));
        listener.answer_errno(notification.id, libc::EMFILE).unwrap();
    });
    assert_eq!(errno, libc::EMFILE);
}

#[test]
fn a_caller_that_does_not_run_is_not_waited_for_and_gets_its_descriptor_later() {
    const SOON: Duration = Duration::from_micros(200);
    /// More than there are; so many that one of them has to wait for the other process.
    const CALLS: i32 = 5000;
    // Behind a process that is preferred and never sleeps.
    let on_first_processor = || {
        let mut first = rustix::thread::CpuSet::new();
        let allowed = rustix::thread::sched_getaffinity(None).unwrap();
        first.set((0..1024).find(|cpu| allowed.is_set(*cpu)).unwrap());
        rustix::thread::sched_setaffinity(None, &first).unwrap();
    };
    let member = move || {
        let busy = fork(|| {
            on_first_processor();
            loop {
                std::hint::spin_loop();
            }
        });
        let child = fork(|| {
            on_first_processor();
            // SAFETY: takes and returns a number.
            unsafe { libc::nice(19) };
            for call in 0..CALLS {
                let number = audit_socket(libc::SOCK_RAW);
                if number < 0 {
                    // At the lowest number each time: nothing was left of those that came too late.
                    return i32::from(call == 0);
                }
                drop(owned(number));
            }
            2
        });
        let end = wait(child);
        signal(busy, libc::SIGKILL);
        wait(busy);
        end
    };
    let (end, lowest) = below_filter(SOCKETS, member, |listener| {
        let mut numbers = std::collections::BTreeSet::new();
        loop {
            let notification = next(&listener);
            let pair = endpoint_pair(false);
            let inject = |patience| listener.inject(notification.id, pair.client.as_fd(), true, patience);
            match inject(Patience::For(SOON)) {
                Ok(number) => assert!(numbers.insert(number) || numbers.len() == 1, "{numbers:?}"),
                Err(InjectError::NotInTime) => {
                    assert!(listener.is_valid(notification.id));
                    numbers.insert(inject(Patience::Endless).unwrap());
                    let last = next(&listener);
                    listener.answer_errno(last.id, libc::EPERM).unwrap();
                    return numbers.len();
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    assert_eq!((end, lowest), (0, 1));
}

#[test]
fn a_killed_caller_is_gone() {
    let member = || wait(fork(|| i32::from(audit_socket(libc::SOCK_RAW) < 0)));
    let (end, ()) = below_filter(SOCKETS, member, |listener| {
        let notification = next(&listener);
        signal(notification.tid, libc::SIGKILL);
        eventually("the call is gone", || !listener.is_valid(notification.id));
        let pair = endpoint_pair(false);
        let injected = listener.inject(notification.id, pair.client.as_fd(), true, Patience::Endless);
        assert!(matches!(injected, Err(InjectError::Gone)), "{injected:?}");
        let answered = listener.answer_errno(notification.id, libc::EPERM).unwrap_err();
        assert_eq!(answered.raw_os_error(), Some(libc::ENOENT));
    });
    assert_eq!(end, -libc::SIGKILL);
}

#[test]
fn a_call_killed_before_it_was_received_is_nothing_to_receive() {
    let (sender, receiver) = mpsc::channel();
    let member = move || {
        let child = fork(|| i32::from(audit_socket(libc::SOCK_RAW) < 0));
        sender.send(child).unwrap();
        wait(child)
    };
    let (end, ()) = below_filter(SOCKETS, member, |listener| {
        let child = receiver.recv().unwrap();
        eventually("the call waits", || listener.readiness().unwrap().contains(PollFlags::IN));
        signal(child, libc::SIGKILL);
        eventually("the call is withdrawn", || !listener.readiness().unwrap().contains(PollFlags::IN));
        assert_eq!(listener.receive().unwrap(), None);
    });
    assert_eq!(end, -libc::SIGKILL);
}

#[test]
fn a_received_call_is_not_interrupted_by_a_signal_that_is_handled() {
    extern "C" fn nothing(_: libc::c_int) {}
    let member = || {
        wait(fork(|| {
            // SAFETY: the handler does nothing, which is safe at any moment.
            unsafe {
                libc::signal(libc::SIGALRM, nothing as extern "C" fn(libc::c_int) as libc::sighandler_t)
            };
            i32::try_from(audit_socket(libc::SOCK_RAW)).unwrap_or(0)
        }))
    };
    let (code, ()) = below_filter(SOCKETS, member, |listener| {
        let notification = next(&listener);
        signal(notification.tid, libc::SIGALRM);
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(listener.is_valid(notification.id), "the signal withdrew the call");
        listener.answer_value(notification.id, 77).unwrap();
    });
    assert_eq!(code, 77);
}

#[test]
fn ids_that_nobody_has_are_refused() {
    below_filter(
        SOCKETS,
        || (),
        |listener| {
            assert!(!listener.is_valid(12345));
            assert_eq!(listener.answer_continue(12345).unwrap_err().raw_os_error(), Some(libc::ENOENT));
            assert!(matches!(
                listener.inject(12345, listener.as_fd(), true, Patience::Endless),
                Err(InjectError::Gone)
            ));
            let fd = OwnedFd::from(listener);
            assert!(flags_of(&fd).0, "the listener must not leak into programs");
        },
    );
}

#[test]
fn a_socket_is_injected_at_the_number_asked_for_or_the_call_still_waits() {
    let member = || {
        let limited = fork(|| {
            let limit = libc::rlimit { rlim_cur: 800, rlim_max: 800 };
            // SAFETY: the pointer names a live structure.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
            i32::from(audit_socket(libc::SOCK_RAW) >= 800)
        });
        (owned(audit_socket(libc::SOCK_RAW)), wait(limited))
    };
    let ((client, limited), ()) = below_filter(SOCKETS, member, |listener| {
        for _ in 0..2 {
            let notification = next(&listener);
            let pair = endpoint_pair(false);
            let client = pair.client.as_fd();
            match listener.inject_at(notification.id, client, true, 863, Patience::Endless) {
                Ok(number) => assert_eq!(number, 863),
                Err(InjectError::NumberRefused(863)) => {
                    assert!(listener.inject(notification.id, client, true, Patience::Endless).unwrap() < 800);
                }
                other => panic!("{other:?}"),
            }
        }
    });
    assert_eq!((std::os::fd::AsRawFd::as_raw_fd(&client), limited), (863, 0));
    assert!(flags_of(&client).0);
}

/// What a proxy was told.
#[derive(Debug, Default)]
struct Told(std::sync::Mutex<Vec<Response>>);

impl Answerer for std::sync::Arc<Told> {
    fn answer(&self, response: Response) -> io::Result<()> {
        self.0.lock().unwrap().push(response);
        Ok(())
    }
}

#[test]
fn a_proxied_call_is_injected_here_and_answered_by_the_proxy() {
    let (client, server) = below_filter(
        SOCKETS,
        || owned(audit_socket(libc::SOCK_RAW)),
        |listener| {
            let id = next(&listener).id;
            let told = std::sync::Arc::new(Told::default());
            let copy = listener.as_fd().try_clone_to_owned().unwrap();
            let proxied = Listener::proxied(copy, Box::new(std::sync::Arc::clone(&told)));
            let pair = endpoint_pair(false);
            let number = proxied.inject(id, pair.client.as_fd(), true, Patience::Endless).unwrap();
            assert!(proxied.is_valid(id) && listener.is_valid(id), "the call waits for the proxy");
            assert!(proxied.is_proxied() && !listener.is_proxied());
            let expected = Response { id, value: number.into(), error: 0, flags: 0 };
            assert_eq!(*told.0.lock().unwrap(), [expected]);
            proxied.answer_errno(id, 93).unwrap();
            proxied.answer_continue(id).unwrap();
            let (errno, going_on) =
                (Response { value: 0, error: -93, ..expected }, Response { value: 0, flags: 1, ..expected });
            assert_eq!(*told.0.lock().unwrap(), [expected, errno, going_on]);
            listener.answer_value(id, number.into()).unwrap();
            pair.server
        },
    );
    drop((client, server));
}

#[test]
fn what_another_process_receives_is_left_to_it() {
    below_filter(
        SOCKETS,
        || drop(owned(audit_socket(libc::SOCK_RAW))),
        |listener| {
            let copy = listener.as_fd().try_clone_to_owned().unwrap();
            let proxied = Listener::proxied(copy, Box::new(std::sync::Arc::<Told>::default()));
            while !listener.readiness().unwrap().contains(PollFlags::IN) {}
            assert_eq!(proxied.receive().unwrap(), None, "the call is for the proxy");
            drop(serve(&listener));
        },
    );
}

#[test]
fn a_container_is_hung_up_when_its_first_process_has_ended() {
    let mut first = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
    let process = crate::identity::Process::open(first.id()).unwrap();
    let container = Listener::of_container(process.as_fd().try_clone_to_owned().unwrap());
    assert!(!container.is_hung_up().unwrap() && container.is_proxied());
    assert_eq!(container.receive().unwrap(), None);
    first.kill().unwrap();
    while !container.is_hung_up().unwrap() {}
    assert_eq!(container.receive().unwrap(), None, "readable is not receivable");
    first.wait().unwrap();
    assert!(container.is_hung_up().unwrap(), "nor does it come back");
}
