#!/usr/bin/python3
"""Whatever the holder of an audit socket asks the kernel about it, it gets nothing of auditns, which is the parent.

hidden.py MAY_NAME_OTHERS: 1 if auditns can name another process as the sender of its messages, else 0.
"""
import ctypes
import errno
import fcntl
import os
import socket
import struct
import sys

SUPERVISOR = os.getppid()
SO_PASSPIDFD, SO_PEERPIDFD, SCM_PIDFD, SIOCGSKNS = 76, 77, 4, 0x894C
IO_URING_SETUP = 425


def process(handle: int) -> int:
    """The process of a pidfd; -1 once it has ended."""
    with open(f"/proc/self/fdinfo/{handle}") as file:
        return int([line for line in file if line.startswith("Pid:")][0].split()[1])


def is_of_supervisor(handle: int) -> bool:
    return process(handle) == SUPERVISOR


def error_of(call, *arguments) -> int:
    try:
        call(*arguments)
    except OSError as error:
        return error.errno
    return 0


def ask(endpoint: socket.socket) -> list:
    """Asks for the status; the control messages that come with the answer."""
    endpoint.send(struct.pack("=IHHII", 16, 1000, 5, 1, 0))
    return [(kind, data) for _ in range(2) for _, kind, data in endpoint.recvmsg(200, 200)[1]]


def main(may_name_others: bool) -> None:
    endpoint = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
    # At another number nothing is stopped: the kernel answers for the socket that it really is.
    copy = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=os.dup(endpoint.fileno()))

    assert error_of(endpoint.getsockopt, socket.SOL_SOCKET, SO_PEERPIDFD) == errno.ENODATA
    if error_of(copy.getsockopt, socket.SOL_SOCKET, SO_PEERPIDFD) == 0:
        assert not is_of_supervisor(copy.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD))

    assert error_of(endpoint.setsockopt, socket.SOL_SOCKET, SO_PASSPIDFD, 1) == errno.EOPNOTSUPP
    refused = error_of(copy.setsockopt, socket.SOL_SOCKET, SO_PASSPIDFD, 1)
    assert may_name_others or refused == errno.ENOPROTOOPT, refused
    for kind, data in ask(copy):
        assert kind != SCM_PIDFD or not is_of_supervisor(struct.unpack("i", data)[0])
    if not may_name_others:
        # A ring sets options without a system call that a filter sees.
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.syscall(IO_URING_SETUP, 8, ctypes.create_string_buffer(120)) == -1
        assert ctypes.get_errno() == errno.EPERM

    network = fcntl.ioctl(endpoint, SIOCGSKNS)
    assert os.fstat(network).st_ino != os.stat(f"/proc/{SUPERVISOR}/ns/net").st_ino
    os.close(network)
    copy.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    name = "\0auditns-e2e-" + str(os.getpid())
    error_of(copy.bind, name)
    own = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    assert error_of(own.bind, name) == 0, "names of the host's network namespace are not taken"


main(sys.argv[1] == "1")
