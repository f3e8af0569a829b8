#!/usr/bin/python3
"""Everything a member should not send to the audit subsystem, and every rude way of sending it.

hostile.py SEED: runs for about three seconds, prints how much it did, and ends with 0 unless its own logic fails.
"""
import array
import os
import random
import socket
import struct
import sys
import time

NETLINK_AUDIT = 9
FORGED = b"op=x\ntype=USER_LOGIN msg=audit(1.000:1): pid=1 uid=0 auid=0 ses=1 msg='op=forged res=success'\n\0"


def audit() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    opened.setblocking(False)
    return opened


def header(length: int, kind: int, flags: int = 5, sequence: int = 1) -> bytes:
    return struct.pack("=IHHII", length & 0xFFFFFFFF, kind & 0xFFFF, flags, sequence, 0)


class Sender:
    """One endpoint; what the kernel refuses is counted, never fatal."""

    def __init__(self) -> None:
        self.socket = audit()
        self.sent = self.refused = self.answers = 0

    def send(self, data: bytes, read: bool = True) -> None:
        try:
            self.socket.sendto(data, (0, 0))
            self.sent += 1
        except OSError:
            self.refused += 1
        if read:
            self.drain()

    def drain(self) -> None:
        try:
            while True:
                self.socket.recv(65536)
                self.answers += 1
        except OSError:
            pass


def main() -> int:
    rng = random.Random(int(sys.argv[1]))
    # First, while nothing stands in their way: a text that would be a line of its own, and one for a terminal.
    forger = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    for text in (FORGED, b"op=control \x01\x1b[2J'\"\x7f\x9b\0"):
        forger.sendto(header(16 + len(text), 1112) + text, (0, 0))
        forger.recv(65536)
    sender = Sender()
    # Truncated headers, lengths that lie, types of every kind.
    for size in range(0, 80):
        sender.send(bytes(size))
        sender.send(rng.randbytes(size))
    for length in (0, 1, 15, 16, 17, 20, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF):
        sender.send(header(length, 1112) + b"op=x\0\0\0\0")
    for kind in list(range(0, 24)) + list(range(998, 1024)) + list(range(1091, 1140)) + [1200, 1320, 2099, 2100, 2999, 65535]:
        for payload in (b"", b"\0", b"\xff" * 4, rng.randbytes(44), rng.randbytes(1040)):
            sender.send(header(16 + len(payload), kind) + payload)
    # Rules whose counts and lengths point anywhere.
    for _ in range(100):
        rule = bytearray(rng.randbytes(1040 + rng.randrange(64)))
        struct.pack_into("=III", rule, 0, rng.choice((0, 4, 5, 0x14)), rng.randrange(3), rng.choice((0, 1, 64, 65, 2**31)))
        sender.send(header(16 + len(rule), rng.choice((1011, 1012))) + bytes(rule))
    # Large: libaudit's largest, more than any record may hold, more than a socket takes; many messages in one.
    for size in (8970, 65536, 180_000, 212_000, 300_000):
        sender.send(header(16 + size, 1112) + b"A" * size)
    sender.send((header(16, 1000) * 4000))
    # Requests whose answers nobody reads.
    deaf = Sender()
    for number in range(3000):
        deaf.send(header(16, 1000, 5, number), read=False)
    # Endpoints by the hundred; some closed with answers unread, some at once.
    kept = []
    for number in range(200):
        try:
            endpoint = Sender()
        except OSError:
            break
        endpoint.send(header(16, 1000), read=False)
        if number % 2:
            kept.append(endpoint)
    # Descriptors and credentials sent along; half-closed endpoints.
    for endpoint in kept[:20]:
        rights = array.array("i", [0, 1, 2])
        try:
            endpoint.socket.sendmsg([header(16, 1000)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        except OSError:
            endpoint.refused += 1
        try:
            endpoint.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            endpoint.refused += 1
    # Children that send over an inherited endpoint and are gone at once.
    for _ in range(50):
        child = os.fork()
        if child == 0:
            sender.send(header(24, 1112) + b"op=gone\0", read=False)
            os._exit(0)
        os.waitpid(child, 0)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        sender.send(rng.randbytes(rng.randrange(1, 400)))
        sender.send(header(16 + rng.randrange(400), rng.randrange(990, 1330)) + rng.randbytes(rng.randrange(400)))
    print(f"FACT hostile-sent {sender.sent}")
    print(f"FACT hostile-endpoints {len(kept)}")
    return 0


sys.exit(main())
