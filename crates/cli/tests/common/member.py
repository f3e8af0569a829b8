"""What hostile members are made of: raw audit messages, and a look at the auditns process, which is the parent."""
import array, ctypes, os, resource, signal, socket, struct, sys, threading, time, traceback

libc = ctypes.CDLL(None, use_errno=True)
SUPERVISOR = os.getppid()
ACK = 5


def audit():
    return socket.socket(16, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 9)


def message(kind, payload=b"", flags=ACK, sequence=1):
    padding = b"\0" * (-len(payload) % 4)
    return struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload + padding


def get(flags=1):
    return message(1000, flags=flags)


def user(text):
    return message(1112, text + b"\0")


def settings(mask, enabled=0, failure=0, pid=0, rate=0, limit=0):
    return message(1001, struct.pack("=11I", mask, enabled, failure, pid, rate, limit, 0, 0, 0, 0, 0))


def rule(fields, text):
    """always,exit with (field, value) pairs; the text is what string fields take their values from."""
    pad = [0] * (64 - len(fields))
    numbers = [number for number, _ in fields] + pad
    values = [value for _, value in fields] + pad
    operators = [0x40000000] * len(fields) + pad
    fixed = struct.pack("=III", 4, 2, len(fields)) + struct.pack("=64I", *[0xFFFFFFFF] * 64)
    return message(1011, fixed + struct.pack("=192I", *numbers, *values, *operators) + struct.pack("=I", len(text)) + text)


def keyed(number):
    key = (b"%06d" % number).ljust(256, b"k")
    return rule([(210, 256)], key)


def watch(path):
    return rule([(105, len(path)), (106, 15)], path)


def answer(endpoint, patience=5):
    """('error', N) for an acknowledgement or error, ('type', N) for data, 'nothing' after a while."""
    endpoint.settimeout(patience)
    try:
        data = endpoint.recv(1 << 20)
    except TimeoutError:
        return "nothing"
    kind = struct.unpack("=H", data[4:6])[0]
    return ("error", struct.unpack("=i", data[16:20])[0]) if kind == 2 else ("type", kind)


def asked(endpoint, data, patience=5):
    endpoint.send(data)
    return answer(endpoint, patience)


def status():
    """enabled, failure, pid, rate limit, backlog limit, lost, backlog"""
    endpoint = audit()
    endpoint.send(get())
    return struct.unpack("=7I", endpoint.recv(1000)[20:48])


def stopped(work):
    """Does something while auditns does nothing."""
    os.kill(SUPERVISOR, signal.SIGSTOP)
    try:
        work()
    finally:
        os.kill(SUPERVISOR, signal.SIGCONT)


def memory():
    """Resident memory of auditns in megabytes."""
    with open(f"/proc/{SUPERVISOR}/status") as file:
        return int([line for line in file if line.startswith("VmRSS")][0].split()[1]) // 1024


def ticks():
    """Hundredths of a second of CPU that auditns used in one second."""
    def used():
        with open(f"/proc/{SUPERVISOR}/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
    time.sleep(0.2)
    before = used()
    time.sleep(1)
    return used() - before


def child(work):
    pid = os.fork()
    if pid == 0:
        result = 1
        try:
            work()
            result = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(result)
    return pid


def joined(pid):
    expect(os.waitpid(pid, 0)[1], 0)


def ended(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def become_ordinary():
    os.setgroups([])
    os.setresgid(54321, 54321, 54321)
    os.setresuid(54321, 54321, 54321)


def effective(pid):
    with open(f"/proc/{pid}/status") as file:
        return int([line for line in file if line.startswith("CapEff")][0].split()[1], 16)


def until(holds, patience=10):
    end = time.time() + patience
    while not holds():
        assert time.time() < end, "never came to be"
        time.sleep(0.01)


def tried(work):
    """What it comes to; None if there is no room for it now."""
    try:
        return work()
    except OSError:
        return None


def expect(found, wanted):
    assert found == wanted, f"found {found!r}, wanted {wanted!r}"
