#!/usr/bin/python3
"""Senders that are gone at once: each of COUNT processes opens an endpoint, sends one message and ends without waiting for
its answer, as many more send over an endpoint that they inherited. A kernel has taken a message when send returns.

gone.py COUNT: message N of a kind has the text `op=gone mark=KIND-N`, with the kinds own and inherited.
"""
import os
import socket
import struct
import sys

NETLINK_AUDIT = 9


def endpoint() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)


def send(audit: socket.socket, mark: str) -> None:
    payload = f"op=gone mark={mark} \0".encode()
    audit.sendto(struct.pack("=IHHII", 16 + len(payload), 1121, 5, 1, 0) + payload, (0, 0))


def child(number: int, kind: str, inherited: socket.socket) -> None:
    if kind == "inherited":
        send(inherited, f"inherited-{number}")
        return
    send(endpoint(), f"own-{number}")


def main() -> None:
    inherited = endpoint()
    for number in range(1, int(sys.argv[1]) + 1):
        for kind in ("own", "inherited"):
            process = os.fork()
            if process == 0:
                child(number, kind, inherited)
                os._exit(0)
            os.waitpid(process, 0)
        # The answers to the children's messages come to the shared endpoint: they must not pile up.
        for _ in range(2):
            try:
                inherited.recv(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break


main()
