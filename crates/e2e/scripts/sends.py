#!/usr/bin/python3
"""Sends numbered user messages, one after the other, until a file appears, and opens a new socket now and then.

sends.py MARK FILE

Message N has the text `op=sends mark=MARK-N`. FILE is replaced after each by a line `sent=N errors=N errno=NAME
longest_ms=N`; FILE.stop ends it. errno is that of the last error.
"""
import errno
import os
import socket
import struct
import sys
import time

NETLINK_AUDIT = 9
TRUSTED_APP = 1121
REQUEST_ACK = 5
MESSAGES_PER_SOCKET = 20


def send(audit: socket.socket, number: int, text: str) -> None:
    payload = text.encode() + b"\0"
    audit.sendto(struct.pack("=IHHII", 16 + len(payload), TRUSTED_APP, REQUEST_ACK, number, 0) + payload, (0, 0))
    answer = audit.recv(65536)
    if len(answer) < 20:
        raise OSError(errno.ECONNRESET, f"{len(answer)} bytes")
    _, kind, _, sequence, _, error = struct.unpack_from("=IHHIIi", answer)
    if kind != 2 or sequence != number:
        raise OSError(errno.EPROTO, f"type {kind} with sequence {sequence}")
    if error != 0:
        raise OSError(-error, "refused")


def main() -> None:
    mark, path = sys.argv[1:]
    number = sent = errors = 0
    longest, last, audit = 0.0, "none", None
    while not os.path.exists(path + ".stop"):
        number += 1
        begin = time.monotonic()
        try:
            if audit is None or number % MESSAGES_PER_SOCKET == 0:
                audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
                audit.settimeout(40)
            send(audit, number, f"op=sends mark={mark}-{number} ")
            sent += 1
        except OSError as error:
            errors, audit = errors + 1, None
            last = errno.errorcode.get(error.errno, str(error)).replace(" ", "_")
            time.sleep(0.05)
        longest = max(longest, time.monotonic() - begin)
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"sent={sent} errors={errors} errno={last} longest_ms={int(longest * 1000)}\n")
        os.rename(path + ".new", path)
        time.sleep(0.002)


main()
