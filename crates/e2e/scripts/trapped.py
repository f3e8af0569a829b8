#!/usr/bin/python3
"""Members that die, hide their memory or play with descriptors in calls that auditns answers.

trapped.py SCENARIO [ARGUMENT...]: fails by an exception. auditns is the parent.
"""
import array
import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

libc = ctypes.CDLL(None, use_errno=True)
SUPERVISOR = os.getppid()
SOL_NETLINK, NO_ENOBUFS, PEEK_OFFSET = 270, 5, 42
RESERVED, STRICT = range(832, 896), range(864, 896)
# Sockets that auditns makes in advance.
ADVANCE = 16
UNSHARE_FILES = 0x400


def audit() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)


def message(kind: int, text: bytes = b"", flags: int = 5, sequence: int = 1) -> bytes:
    return struct.pack("=IHHII", 16 + len(text), kind, flags, sequence, 0) + text


def answered(endpoint: socket.socket) -> None:
    """The status comes back, after records if there are any."""
    endpoint.send(message(1000, flags=1))
    while struct.unpack("=H", endpoint.recv(1000)[4:6])[0] != 1000:
        pass


def threads() -> int:
    return len(os.listdir(f"/proc/{SUPERVISOR}/task"))


def descriptors() -> list:
    """What auditns has open, but for what it knows of processes."""
    folder, found = f"/proc/{SUPERVISOR}/fd", []
    for number in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{number}")
        except FileNotFoundError:
            continue
        if not target.startswith("/proc/") or target.endswith("/mem"):
            found.append(target)
    return sorted(found)


def kilobytes() -> int:
    with open(f"/proc/{SUPERVISOR}/status") as file:
        return int([line for line in file if line.startswith("VmRSS")][0].split()[1])


def ticks() -> int:
    """Hundredths of a second of CPU that auditns uses in one second."""
    def used() -> int:
        with open(f"/proc/{SUPERVISOR}/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    before = used()
    time.sleep(1)
    return used() - before


def child(work) -> int:
    pid = os.fork()
    if pid == 0:
        result = 1
        try:
            work()
            result = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(result)
    return pid


def joined(pid: int) -> None:
    status = os.waitpid(pid, 0)[1]
    assert status == 0, f"a child ended with {status}"


def ended(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def steady() -> list:
    """What auditns has open when nothing is being done any more."""
    before = None
    while before != (before := descriptors()):
        time.sleep(0.2)
    return before


def settled(before: list) -> None:
    """What auditns has open is what it had open, but for sockets that it makes in advance."""
    def sockets(targets: list) -> list:
        return [target for target in targets if target.startswith("socket:")]

    def same() -> bool:
        now = descriptors()
        others = [[at for at in targets if at not in sockets(targets)] for targets in (before, now)]
        return others[0] == others[1] and len(sockets(now)) <= len(sockets(before)) + ADVANCE

    until(same, 20, lambda: (before, descriptors()))


def until(holds, patience: float = 10, state=lambda: "") -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, f"never came to be {state()}"
        time.sleep(0.02)


def promptly(work) -> None:
    start = time.monotonic()
    work()
    took = time.monotonic() - start
    assert took < 5, f"{took} s"


def with_credentials() -> socket.socket:
    endpoint = audit()
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return endpoint


def forever(call):
    def work() -> None:
        while True:
            call()
    return work


def killed() -> None:
    """Members killed in every kind of call, one that waits included."""
    own, shared, control = audit(), audit(), with_credentials()
    # Some calls for the threads and files that stay.
    own.getsockname()
    before, rested = steady(), threads()
    calls = [
        lambda: audit().close(),
        lambda: shared.getsockname(),
        lambda: shared.getsockopt(SOL_NETLINK, NO_ENOBUFS),
        lambda: shared.setsockopt(SOL_NETLINK, NO_ENOBUFS, 1),
        lambda: libc.bind(shared.fileno(), ctypes.create_string_buffer(12), 12),
        lambda: shared.recvfrom(100),
        lambda: shared.recvmsg(100),
        lambda: control.recvmsg(100, 100),
    ]
    for number in range(320):
        pids = [child(forever(calls[(number + at) % len(calls)])) for at in range(2)]
        time.sleep(0.002 + number % 7 * 0.001)
        for pid in pids:
            ended(pid)
        if number % 16 == 0:
            promptly(own.getsockname)
            promptly(lambda: answered(own))
    settled(before)
    assert min(ticks() for _ in range(3)) <= 2
    # Threads without work end.
    until(lambda: threads() <= rested, 30)
    answered(control)


def unanswered(folder: str) -> int:
    """The address of pages of a file whose file system never answers reads. It lives as long as this process."""
    device = os.open("/dev/fuse", os.O_RDWR)
    assert libc.unshare(0x20000) == 0 and libc.mount(b"none", b"/", None, 0x44000, None) == 0
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
    assert libc.mount(b"x", folder.encode(), b"fuse.x", 0, options) == 0

    def attributes(node: int) -> bytes:
        mode = 0o40755 if node == 1 else 0o100644
        return struct.pack("=6Q10I", node, 1 << 20, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def serve() -> None:
        answers = {
            1: struct.pack("=QQQQII", 2, 0, 3600, 3600, 0, 0) + attributes(2),
            14: struct.pack("=QII", 1, 0, 0),
            18: b"",
            25: b"",
            26: struct.pack("=IIIIHHIIHHI7I", 7, 31, 0, 0, 16, 12, 65536, 1, 0, 0, 0, *[0] * 7),
        }
        while True:
            _, opcode, unique, node = struct.unpack("=IIQQ", os.read(device, 1 << 18)[:24])
            if opcode in (2, 15, 36, 42):
                continue
            body = struct.pack("=QII", 3600, 0, 0) + attributes(node) if opcode == 3 else answers.get(opcode)
            error = -errno.ENOSYS if body is None else 0
            os.write(device, struct.pack("=IiQ", 16 + len(body or b""), error, unique) + (body or b""))

    threading.Thread(target=serve, daemon=True).start()
    file = os.open(folder + "/x", os.O_RDWR)
    libc.mmap.restype = ctypes.c_void_p
    page = libc.mmap(None, ctypes.c_size_t(1 << 20), 3, 2, file, ctypes.c_size_t(0))
    # Its end would wait for an answer of this process.
    os.close(file)
    return page


def memory(folder: str) -> None:
    """Memory that never answers, below and beyond the bound of 48 calls of users other than root."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        print("no fuse")
        return
    own, shared, control = audit(), audit(), with_credentials()
    before, rested = steady(), threads()

    def hide(count: int) -> tuple:
        """Returns the process whose end is the end of the memory, and those that call with it."""
        ready = os.pipe()

        def server() -> None:
            page = unanswered(folder)
            calls = [
                lambda at: libc.bind(shared.fileno(), ctypes.c_void_p(at), 12),
                lambda at: libc.getsockname(shared.fileno(), ctypes.c_void_p(at), ctypes.c_void_p(at)),
                lambda at: libc.recvmsg(control.fileno(), ctypes.c_void_p(at), 0),
                lambda at: libc.setsockopt(shared.fileno(), SOL_NETLINK, NO_ENOBUFS, ctypes.c_void_p(at), 4),
            ]

            def call(at: int) -> None:
                user = 54321 + at % 5
                os.setresuid(user, user, user)
                calls[at % 4](page + 4096 * at)

            pids = [child(lambda at=at: call(at)) for at in range(count)]
            os.write(ready[1], array.array("i", pids).tobytes())
            time.sleep(60)

        pid = child(server)
        callers = array.array("i", os.read(ready[0], 4 * count))
        until(lambda: threads() >= min(count, 48), state=threads)
        return pid, callers

    for count in (20, 70):
        server, callers = hide(count)
        # Root is served while other users take all that they may.
        for _ in range(50):
            promptly(lambda: answered(own))
            promptly(own.getsockname)
            promptly(lambda: audit().close())
        for caller in callers:
            os.kill(caller, signal.SIGKILL)
        ended(server)
        promptly(own.getsockname)
        settled(before)
    assert min(ticks() for _ in range(3)) <= 2
    until(lambda: threads() <= rested, 30)


def arguments(program: str, seeds: str, count: str) -> None:
    """A program that makes hostile calls; auditns stays as it is."""
    own = audit()
    own.getsockname()
    before, started = descriptors(), kilobytes()
    for seed in seeds.split(","):
        for layout in ([], ["x32"]):
            subprocess.run([program, seed, count, *layout], check=True, stdout=subprocess.DEVNULL)
        promptly(lambda: answered(own))
    settled(before)
    grown = kilobytes() - started
    assert grown < 8000, f"{grown} kB"
    assert min(ticks() for _ in range(3)) <= 2


def spin() -> None:
    """Nothing that a member sets on its socket, or on a copy, keeps auditns busy."""
    control = with_credentials()
    for endpoint in (control, control.dup()):
        try:
            endpoint.setsockopt(socket.SOL_SOCKET, PEEK_OFFSET, 100_000)
        except OSError as error:
            assert endpoint is control and error.errno == errno.EOPNOTSUPP, error
    control.send(message(1000, flags=1))
    time.sleep(0.2)
    pid = child(lambda: control.recvmsg(100, 100))
    used = ticks()
    ended(pid)
    assert used <= 10, f"{used} ticks with a peek offset"


def crowd() -> None:
    """Many calls that wait cost little."""
    control = with_credentials()
    for _ in range(250):
        threading.Thread(target=lambda: control.recvmsg(100, 100), daemon=True).start()
    time.sleep(0.3)
    # While the crowd starts there is more to do.
    used = min(ticks() for _ in range(3))
    print("ticks", used, flush=True)
    assert used <= 60, f"{used} ticks"
    os._exit(0)


def fill(last: int) -> list:
    """Takes all numbers up to this one."""
    taken = [os.open("/dev/null", os.O_RDONLY)]
    while taken[-1] < last:
        taken.append(os.dup(taken[0]))
    return taken


def copies() -> None:
    """Other sockets at reserved numbers, and audit sockets that come and go or are passed on."""
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.bind(("127.0.0.1", 0))
    for copy in (lambda: os.dup2(plain.fileno(), 880), lambda: fcntl.fcntl(plain, fcntl.F_DUPFD, 880)):
        try:
            copy()
            raise AssertionError("a reserved number can be chosen")
        except OSError as error:
            assert error.errno == errno.EBUSY, error
    filled = fill(869)
    stray = socket.socket(fileno=os.dup(plain.fileno()))
    assert stray.fileno() in STRICT
    name = stray.getsockname()
    assert name[0] == "127.0.0.1" and name == plain.getsockname()
    plain.sendto(b"x", name)
    assert stray.recvfrom(10) == (b"x", name)
    stray.close()
    for number in filled:
        os.close(number)

    faults = []

    def come_and_go() -> None:
        try:
            for _ in range(400):
                endpoint = audit()
                endpoint.bind((0, 0))
                assert len(endpoint.getsockname()) == 2 and endpoint.family == socket.AF_NETLINK
                endpoint.close()
        except BaseException as error:
            faults.append(repr(error))

    workers = [threading.Thread(target=come_and_go) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not faults, faults

    one, another = socket.socketpair(socket.AF_UNIX)

    def stranger() -> None:
        # What is passed on comes to the lowest free number.
        fill(869)
        _, rights, _, _ = another.recvmsg(1, 100)
        (number,) = array.array("i", rights[0][2])
        assert number in STRICT
        passed = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9, fileno=number)
        assert passed.getsockname()[1] == 0
        passed.bind((0, 1))
        assert passed.getsockname()[1] == 1
        answered(passed)

    pid = child(stranger)
    endpoint = audit()
    one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [endpoint.fileno()]))])
    joined(pid)
    assert endpoint.getsockname()[1] == 1

    def own_table() -> None:
        try:
            assert libc.unshare(UNSHARE_FILES) == 0
            mine = audit()
            number = mine.fileno()
            assert number in STRICT
            mine.bind((0, 0))
            assert mine.getsockname()[0] != 0
            answered(mine)
            seen.append(number)
            mine.close()
        except BaseException as error:
            faults.append(repr(error))

    seen = []
    worker = threading.Thread(target=own_table)
    worker.start()
    worker.join()
    assert seen and not faults, faults


def tables() -> None:
    """Processes without a reserved number to give, and with many sockets."""
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))
        endpoint = audit()
        assert endpoint.fileno() < 512
        answered(endpoint)

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        fill(899)
        endpoint = audit()
        assert endpoint.fileno() == 900
        answered(endpoint)

    def many() -> None:
        endpoints = [audit() for _ in range(70)]
        numbers = {endpoint.fileno() for endpoint in endpoints}
        assert numbers >= set(RESERVED) and len(numbers) == 70 and min(numbers) < RESERVED[0]
        for endpoint in endpoints:
            answered(endpoint)

    for work in (small, full, many):
        joined(child(work))


def overrun() -> None:
    """A listener that does not read learns it once, unless it does not want to."""
    for quiet in (False, True):
        listener, sender = audit(), audit()
        if quiet:
            listener.setsockopt(SOL_NETLINK, NO_ENOBUFS, 1)
        listener.bind((0, 1))
        for number in range(2000):
            sender.send(message(1112, b"op=%d %s\0" % (number, b"x" * 1000)))
            sender.recv(1000)
        listener.settimeout(0.5)
        errors, records = [], []

        def read() -> None:
            while True:
                try:
                    records.append(listener.recv(10000))
                except TimeoutError:
                    return
                except OSError as error:
                    errors.append((error.errno, len(records)))

        read()
        assert errors == ([] if quiet else [(errno.ENOBUFS, 0)]), errors
        assert 10 < len(records) < 2000 and all(b"op=" in record for record in records), len(records)
        sender.send(message(1112, b"op=later\0"))
        listener.settimeout(20)
        while b"op=later" not in records[-1]:
            records.append(listener.recv(10000))
        assert len(errors) <= 1
        listener.close()
        sender.close()


SCENARIOS = (killed, memory, arguments, spin, crowd, copies, tables, overrun)
{scenario.__name__: scenario for scenario in SCENARIOS}[sys.argv[1]](*sys.argv[2:])
