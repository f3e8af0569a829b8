"""Makes the calls about which profiles with a listener differ, on 64 and on 32 bits, with and without odd upper bits."""
import ctypes
import fcntl
import mmap
import os
import signal
import socket
import struct
import sys

AUDIT = range(832, 896)
EBUSY, EFAULT = 16, 14
JUNK = [0, 1 << 32, 0xFFFFFFFF << 32]
SOCKET, DUP2, DUP3, FCNTL, GETSOCKNAME, IO_URING_SETUP = 41, 33, 292, 72, 51, 425
SOCKET_32, DUP2_32, DUP3_32, FCNTL_32, FCNTL64_32, SOCKETCALL_32 = 359, 63, 330, 55, 221, 102

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    """The result, or the negative error."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_ulong(argument) for argument in arguments])
    return -ctypes.get_errno() if result == -1 else result


def call_32():
    """A function that makes calls as 32-bit programs do: push rbx; eax, ebx = edi, esi; swap ecx, edx; int 0x80; pop rbx."""
    code = bytes.fromhex("53" "89f8" "89f3" "87ca" "cd80" "5b" "c3")
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_uint] * 4)(address)
    function.memory = memory
    return lambda number, one, two=0, three=0: function(number, one, two, three)


def expect(what, condition, got):
    if not condition:
        sys.exit(f"{what}: {got}")


# Whoever opens an audit socket is asked about.
for family in JUNK:
    for protocol in JUNK:
        fd = call(SOCKET, 16 | family, 3, 9 | protocol)
        expect(f"socket({16 | family:#x}, 3, {9 | protocol:#x})", fd in AUDIT, fd)
        os.close(fd)

# And nobody else.
for family, kind, protocol in [(16, 3, 0), (16, 3, 15), (1, 1, 0), (2, 1, 0), (2, 2, 17), (10, 2, 0), (17, 3, 0x300)]:
    fd = call(SOCKET, family, kind, protocol)
    # Raw sockets need a capability that containers may have or not.
    expect(f"socket({family}, {kind}, {protocol})", 0 <= fd < 832 or family == 17 and fd == -1, fd)
    if fd >= 0:
        with socket.socket(fileno=fd) as opened:
            expect("its family", opened.family == family, opened.family)

# Calls on an audit socket are answered as the kernel would, calls on others as ever.
fd = call(SOCKET, 16, 3, 9)
with socket.socket(16, socket.SOCK_RAW, 0, fileno=fd) as audit:
    expect("SO_DOMAIN", audit.getsockopt(socket.SOL_SOCKET, 39) == 16, "another family")
    name, length = ctypes.create_string_buffer(128), ctypes.c_uint(128)
    for junk in JUNK:
        result = call(GETSOCKNAME, fd | junk, ctypes.addressof(name), ctypes.addressof(length))
        family = struct.unpack_from("H", name)[0]
        expect("getsockname", (result, length.value, family) == (0, 12, 16), (result, length.value, family))
one, other = socket.socketpair()
expect("getsockname of a pair", one.getsockname() == "", one.getsockname())
one.send(b"x")
expect("recv of a pair", other.recv(8) == b"x", "something else")

# No copy comes to where audit sockets are put.
for number in (832, 840, 895):
    for junk in JUNK:
        expect(f"dup2 to {number}", call(DUP2, 2, number | junk) == -EBUSY, "done")
        expect(f"dup3 to {number}", call(DUP3, 2, number | junk, 0) == -EBUSY, "done")
        for command in (0, 1030):
            for odd in JUNK:
                got = call(FCNTL, 2, command | odd, number | junk)
                expect(f"fcntl({command | odd:#x}) to {number | junk:#x}", got == -EBUSY, got)
for number in (100, 831, 896):
    for got in (call(DUP2, 2, number), call(DUP3, 2, number, 0), call(FCNTL, 2, 0, number), call(FCNTL, 2, 1030, number)):
        expect(f"a copy to {number}", 0 < got, got)
        os.close(got) if got != number else None
    os.close(number)
expect("F_GETFL", fcntl.fcntl(2, fcntl.F_GETFL, 840) >= 0, "refused")
expect("F_SETFD", fcntl.fcntl(one, fcntl.F_SETFD, 840 & 1) == 0, "refused")
reader, writer = os.pipe()
expect("F_SETPIPE_SZ", fcntl.fcntl(reader, 1031, 4096) == 4096, "refused")

# Signals arrive, whether somebody is asked or not.
seen = []
for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGWINCH, signal.SIGRTMIN + 5):
    signal.signal(number, lambda received, _: seen.append(received))
    os.kill(os.getpid(), number)
    signal.raise_signal(number)
    expect(f"signal {number}", seen == [number, number], seen)
    seen.clear()

parameters = ctypes.create_string_buffer(120)
got = call(IO_URING_SETUP, 1, ctypes.addressof(parameters))
expect("io_uring_setup", got in (-1, -38), got)

# 32-bit programs.
call32 = call_32()
fd = call32(SOCKET_32, 16, 3, 9)
expect("socket on 32 bits", fd in AUDIT, fd)
os.close(fd)
fd = call32(SOCKET_32, 16, 3, 0)
expect("another socket on 32 bits", 0 <= fd < 832, fd)
os.close(fd)
for got in (
    call32(DUP2_32, 2, 840),
    call32(DUP3_32, 2, 840),
    call32(FCNTL_32, 2, 0, 840),
    call32(FCNTL64_32, 2, 1030, 840),
):
    expect("a copy on 32 bits", got == -EBUSY, got)
expect("fcntl on 32 bits", call32(FCNTL_32, 2, 3, 840) >= 0, "refused")
expect("socketcall(bind)", call32(SOCKETCALL_32, 2, 0) == -EFAULT, call32(SOCKETCALL_32, 2, 0))
print("all")
