use super::*;
use crate::arch::{TABLE, X32_BIT, X32_RT_SIGQUEUEINFO, X32_RT_TGSIGQUEUEINFO};

fn notification(architecture: Architecture, number: u32, arguments: [u64; 6]) -> Notification {
    let architecture = architecture.audit_value();
    let data = SeccompData { number, architecture, instruction_pointer: 0, arguments };
    Notification { id: 1, tid: std::process::id(), data, origin: 0 }
}

fn classified(architecture: Architecture, number: u32, arguments: [u64; 6]) -> Call {
    classify(&notification(architecture, number, arguments)).unwrap()
}

#[test]
fn audit_sockets_are_recognised_on_every_architecture() {
    for calls in &TABLE {
        let kind = 3 | u64::from(CLOSE_ON_EXEC);
        let call = classified(calls.architecture, calls.socket, [16, kind, 9, 0, 0, 0]);
        assert_eq!(call, Call::AuditSocket { kind: 3, close_on_exec: true, nonblocking: false });
    }
    let x32 = classified(Architecture::X86_64, X32_BIT | 0x29, [16, 2 | 0o4000, 9, 0, 0, 0]);
    assert_eq!(x32, Call::AuditSocket { kind: 2, close_on_exec: false, nonblocking: true });
}

#[test]
fn the_type_is_truncated_to_32_bits_and_keeps_unknown_flags() {
    let junk = classified(Architecture::X86_64, 41, [1 << 32 | 16, 7 << 32 | 3, 5 << 32 | 9, 0, 0, 0]);
    assert_eq!(junk, Call::AuditSocket { kind: 3, close_on_exec: false, nonblocking: false });
    let unknown = classified(Architecture::X86_64, 41, [16, 0x103, 9, 0, 0, 0]);
    assert_eq!(unknown, Call::AuditSocket { kind: 0x103, close_on_exec: false, nonblocking: false });
}

#[test]
fn other_sockets_calls_and_architectures_are_other() {
    let x86_64 = Architecture::X86_64;
    assert_eq!(classified(x86_64, 41, [16, 3, 0, 0, 0, 0]), Call::Other);
    assert_eq!(classified(x86_64, 41, [2, 3, 9, 0, 0, 0]), Call::Other);
    assert_eq!(classified(x86_64, 39, [16, 3, 9, 0, 0, 0]), Call::Other);
    assert_eq!(classified(Architecture::I386, 41, [16, 3, 9, 0, 0, 0]), Call::Other);
    let mut unknown = notification(x86_64, 41, [16, 3, 9, 0, 0, 0]);
    unknown.data.architecture = 0x8000_0016;
    assert_eq!(classify(&unknown).unwrap(), Call::Other);
}

#[test]
fn kill_targets_follow_the_manual() {
    let target =
        |pid: i32| classified(Architecture::X86_64, 62, [u64::from(pid.cast_unsigned()), 10, 0, 0, 0, 0]);
    let signal = |target| Call::Signal { target, signal: 10 };
    assert_eq!(target(4711), signal(SignalTarget::Process(4711)));
    assert_eq!(target(0), signal(SignalTarget::CallersGroup));
    assert_eq!(target(-1), signal(SignalTarget::All));
    assert_eq!(target(-300), signal(SignalTarget::Group(300)));
    assert_eq!(target(i32::MIN), Call::Other);
}

#[test]
fn every_signal_call_of_every_architecture_is_understood() {
    let arguments = |signal_at: usize| {
        let mut arguments = [70_u64, 71, 0, 0, 0, 0];
        arguments[signal_at] = 15;
        arguments
    };
    let thread = |process| Call::Signal { target: SignalTarget::Thread { process, thread: 71 }, signal: 15 };
    let alone = Call::Signal { target: SignalTarget::Thread { process: None, thread: 70 }, signal: 15 };
    let process = Call::Signal { target: SignalTarget::Process(70), signal: 15 };
    let pidfd = Call::Signal { target: SignalTarget::Pidfd(70), signal: 15 };
    for calls in &TABLE {
        let cases = [
            (calls.kill, 1, process),
            (calls.tkill, 1, alone),
            (calls.tgkill, 2, thread(Some(70))),
            (calls.rt_sigqueueinfo, 1, process),
            (calls.rt_tgsigqueueinfo, 2, thread(Some(70))),
            (calls.pidfd_send_signal, 1, pidfd),
        ];
        for (number, signal_at, expected) in cases {
            assert_eq!(classified(calls.architecture, number, arguments(signal_at)), expected, "{number}");
        }
    }
    let x32 =
        |number: u32, signal_at| classified(Architecture::X86_64, X32_BIT | number, arguments(signal_at));
    assert_eq!(x32(X32_RT_SIGQUEUEINFO, 1), process);
    assert_eq!(x32(X32_RT_TGSIGQUEUEINFO, 2), thread(Some(70)));
}

#[test]
fn ids_that_name_nobody_are_left_to_the_kernel() {
    let negative = u64::from(u32::MAX);
    let calls = Architecture::X86_64.calls();
    for (number, arguments) in [
        (calls.tkill, [0, 15, 0]),
        (calls.tgkill, [negative, 71, 15]),
        (calls.tgkill, [70, negative, 15]),
        (calls.rt_sigqueueinfo, [negative, 15, 0]),
    ] {
        let [first, second, third] = arguments;
        assert_eq!(classified(Architecture::X86_64, number, [first, second, third, 0, 0, 0]), Call::Other);
    }
}

/// A page below 4 GiB, where 32-bit callers can point, followed by one that cannot be read.
#[cfg(target_arch = "x86_64")]
fn low_page() -> *mut u32 {
    let (protection, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT);
    // SAFETY: a new mapping at a place of the kernel's choice disturbs no other.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 8192, protection, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    let second = page.map_addr(|address| address + 4096);
    // SAFETY: the second page belongs to the new mapping, and nothing points there.
    assert_eq!(unsafe { libc::mprotect(second, 4096, libc::PROT_NONE) }, 0);
    page.cast()
}

#[cfg(target_arch = "x86_64")]
mod i386 {
    use super::super::*;
    use super::{low_page, notification};
    use crate::filter::FilterOptions;
    use crate::testing::{below_filter, fork, next, wait};

    const SOCKETS: FilterOptions =
        FilterOptions { notify_signals: false, refuse_io_uring: false, refuse_sender_handles: false };

    /// A call by the gate of 32-bit programs. It keeps rbx for the compiler, which reserves it.
    fn int80(number: u32, first: u32, second: u32, third: u32) -> i32 {
        let result: i64;
        // SAFETY: the calls of the tests read at most the words whose address is passed; the gate clobbers only r8-r11.
        unsafe {
            std::arch::asm!(
                "xchg rbx, {first}",
                "int 0x80",
                "xchg rbx, {first}",
                first = inout(reg) u64::from(first) => _,
                inout("rax") i64::from(number) => result,
                in("rcx") u64::from(second),
                in("rdx") u64::from(third),
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        i32::try_from(result).unwrap_or(i32::MIN)
    }

    /// Whether this kernel runs 32-bit calls at all; one without kills the process that tries.
    fn offered() -> bool {
        const GETPID: u32 = 20;
        wait(fork(|| i32::from(int80(GETPID, 0, 0, 0) <= 0))) == 0
    }

    /// Lets a member make a 32-bit call, answers it with a number and returns what the call was taken for.
    fn trapped(number: u32, first: u32, second: u32, third: u32) -> (i32, io::Result<Call>) {
        let member = move || int80(number, first, second, third);
        below_filter(SOCKETS, member, |listener| {
            let notification = next(&listener);
            let call = classify(&notification);
            assert_eq!(notification.data.architecture, Architecture::I386.audit_value());
            assert!(listener.is_valid(notification.id));
            listener.answer_value(notification.id, 77).unwrap();
            call
        })
    }

    #[test]
    fn sockets_by_32_bit_calls_are_caught() {
        if !offered() {
            return;
        }
        let (result, call) = trapped(359, 16, 3 | CLOSE_ON_EXEC, 9);
        assert_eq!(result, 77);
        assert_eq!(call.unwrap(), Call::AuditSocket { kind: 3, close_on_exec: true, nonblocking: false });
    }

    #[test]
    fn sockets_by_socketcall_are_caught_and_read() {
        if !offered() {
            return;
        }
        let page = low_page();
        let address = u32::try_from(page.addr()).unwrap();
        for (operands, expected) in [
            ([16, 2, 9], Call::AuditSocket { kind: 2, close_on_exec: false, nonblocking: false }),
            ([16, 3, 0], Call::Other),
            ([1, 1, 0], Call::Other),
        ] {
            // SAFETY: the page was mapped for this test and is large enough.
            unsafe { page.cast::<[u32; 3]>().write(operands) };
            let (result, call) = trapped(102, 1, address, 0);
            assert_eq!((result, call.unwrap()), (77, expected));
        }
    }

    #[test]
    fn operands_beyond_the_end_of_memory_are_a_fault() {
        let page = low_page();
        let last_words = u64::try_from(page.addr()).unwrap() + 4096 - 8;
        for address in [0, last_words] {
            let socketcall = notification(Architecture::I386, 102, [1, address, 0, 0, 0, 0]);
            assert_eq!(classify(&socketcall).unwrap_err().raw_os_error(), Some(libc::EFAULT), "{address:#x}");
        }
    }

    #[test]
    fn operands_of_a_dead_thread_are_an_error() {
        let mut socketcall = notification(Architecture::I386, 102, [1, 4096, 0, 0, 0, 0]);
        let child = fork(|| 0);
        wait(child);
        socketcall.tid = child;
        assert_eq!(classify(&socketcall).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }

    #[test]
    fn other_socketcalls_are_other_without_reading() {
        let connect = notification(Architecture::I386, 102, [3, 1, 0, 0, 0, 0]);
        assert_eq!(classify(&connect).unwrap(), Call::Other);
    }
}

#[test]
fn calls_on_reserved_numbers_are_understood_on_every_architecture() {
    const JUNK: u64 = 0xdead_0000_0000;
    let arguments = [870, JUNK + 11, JUNK + 12, JUNK + 13, JUNK + 14, JUNK + 15];
    for calls in &TABLE {
        let narrow = matches!(calls.architecture, Architecture::I386 | Architecture::Arm);
        let pointer = |low: u64| if narrow { low } else { JUNK + low };
        let layout = if narrow { Layout::Narrow } else { Layout::Wide };
        let bytes = |at, length| Bytes { at: pointer(at), length };
        let room = |at, length_at| Room { at: pointer(at), length_at: pointer(length_at) };
        let on = calls.on_socket;
        let expected = [
            (on.bind, Operation::Bind(bytes(11, 12))),
            (on.connect, Operation::Connect(bytes(11, 12))),
            (on.listen, Operation::Listen),
            (on.shutdown, Operation::Shutdown),
            (on.getsockname, Operation::OwnName(room(11, 12))),
            (on.getpeername, Operation::PeerName(room(11, 12))),
            (on.setsockopt, Operation::SetOption { level: 11, option: 12, value: bytes(13, 14) }),
            (on.getsockopt, Operation::GetOption { level: 11, option: 12, value: room(13, 14) }),
            (on.recvfrom, Operation::ReceiveFrom { flags: 13, address: room(14, 15) }),
            (on.recvmsg, Operation::ReceiveMessage { flags: 12, message: pointer(11), layout }),
        ];
        for (number, operation) in expected {
            let call = classified(calls.architecture, number, arguments);
            assert_eq!(call, Call::OnSocket(OnSocket { fd: 870, operation }), "{number}");
            let elsewhere = classified(calls.architecture, number, [3, 0, 0, 0, 0, 0]);
            assert_eq!(elsewhere, Call::Other, "{number}");
        }
    }
}

#[test]
fn x32_has_narrow_structures_and_numbers_of_its_own() {
    let x32 =
        |number: u32| classified(Architecture::X86_64, X32_BIT | number, [840, 1 << 32 | 7, 5, 0, 0, 0]);
    let receive = Operation::ReceiveMessage { flags: 5, message: 7, layout: Layout::Narrow };
    assert_eq!(x32(519), Call::OnSocket(OnSocket { fd: 840, operation: receive }));
    assert_eq!(
        x32(49),
        Call::OnSocket(OnSocket { fd: 840, operation: Operation::Bind(Bytes { at: 7, length: 5 }) })
    );
    for number in [517, 541, 542] {
        assert!(matches!(x32(number), Call::OnSocket(_)), "{number}");
    }
}
