#!/bin/bash
# Calls on a socket that is not of audit, at a number where audit sockets are.
. /e2e/scripts/lib.sh
cat >/tmp/stray.py <<'end'
import os, socket

first, second = socket.socketpair()
os.dup2(first.fileno(), 1000)
stray = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=1000)
print(stray.getsockname() == first.getsockname())
end
step stray python3 /tmp/stray.py
