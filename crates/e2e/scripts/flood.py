#!/usr/bin/python3
"""Sends user messages as fast as their acknowledgements come.

flood.py MARK COUNT [SIZE [PAUSE_MS]]

Message N of 1..COUNT has the text `op=flood mark=MARK-N`, padded with `x` to SIZE bytes. Prints `FACT sent-MARK N`
(acknowledged without an error), `FACT refused-MARK N` (with one) and `FACT slowest-MARK MILLISECONDS`.
"""
import socket
import struct
import sys
import time

NETLINK_AUDIT = 9
TRUSTED_APP = 1121
REQUEST_ACK = 5


def main() -> int:
    mark, count = sys.argv[1], int(sys.argv[2])
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    pause = float(sys.argv[4]) / 1000 if len(sys.argv) > 4 else 0
    audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_AUDIT)
    audit.settimeout(40)
    sent = refused = 0
    slowest = 0.0
    for number in range(1, count + 1):
        text = f"op=flood mark={mark}-{number} "
        payload = text.ljust(size, "x").encode() + b"\0"
        message = struct.pack("=IHHII", 16 + len(payload), TRUSTED_APP, REQUEST_ACK, number, 0) + payload
        begin = time.monotonic()
        audit.sendto(message, (0, 0))
        answer = audit.recv(65536)
        slowest = max(slowest, time.monotonic() - begin)
        _, kind, _, sequence, _, error = struct.unpack_from("=IHHIIi", answer)
        if kind != 2 or sequence != number:
            print(f"answer to {number} is of type {kind} with sequence {sequence}", file=sys.stderr)
            return 1
        if error == 0:
            sent += 1
        else:
            refused += 1
        time.sleep(pause)
    print(f"FACT sent-{mark} {sent}")
    print(f"FACT refused-{mark} {refused}")
    print(f"FACT slowest-{mark} {slowest * 1000:.0f}")
    return 0


sys.exit(main())
