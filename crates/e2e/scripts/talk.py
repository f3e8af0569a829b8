#!/usr/bin/python3
"""Runs a program on a terminal of its own and talks to it.

talk.py PROGRAM [ARGUMENT...] -- EXPECT SEND [EXPECT SEND...]

Waits for each EXPECT text in the program's output, then types SEND and Return. The output is copied to standard
output. The exit status is the program's, 128+N for signal N, 99 when an expected text does not come in 30 s.
"""
import os
import pty
import select
import signal
import sys
import termios
import time


def wait_for_silence(terminal: int) -> None:
    """Waits until nothing that is typed is shown, a few seconds at most."""
    end = time.monotonic() + 5
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.01)


def main() -> int:
    split = sys.argv.index("--")
    program, talk = sys.argv[1:split], sys.argv[split + 1:]
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(program[0], program)
    seen = b""
    deadline = time.monotonic() + 30
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                data = b""
            if not data:
                break
            os.write(1, data)
            seen += data
        if talk and talk[0].encode() in seen:
            # Programs that switch the echo off flush what was typed before.
            if talk[0].rstrip(": ").endswith("assword"):
                wait_for_silence(terminal)
            time.sleep(0.1)
            seen = b""
            os.write(terminal, talk[1].encode() + b"\n")
            talk = talk[2:]
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 99
    _, status = os.waitpid(child, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


sys.exit(main())
