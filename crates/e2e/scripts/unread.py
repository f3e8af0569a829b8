#!/usr/bin/python3
"""A sender that leaves its answers unread, sends more while nobody serves it, and ends; see unread.sh."""
import os
import select
import socket
import struct
import time

NETLINK_AUDIT = 9
OUT = "/e2e/out/"


def send(audit: socket.socket, mark: str) -> None:
    payload = f"op=gone mark={mark} \0".encode()
    audit.sendto(struct.pack("=IHHII", 16 + len(payload), 1121, 5, 1, 0) + payload, (0, 0))


def main() -> None:
    audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    send(audit, "answered")
    select.select([audit], [], [])
    open(OUT + "ready", "w").close()
    while not os.path.exists(OUT + "stopped"):
        time.sleep(0.02)
    send(audit, "behind-1")
    send(audit, "behind-2")
    # Python would ask for the name of a socket that is left open, and nobody answers now.
    os._exit(0)


main()
