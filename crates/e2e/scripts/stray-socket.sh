#!/bin/bash
# Calls on a socket that is not of audit, at a number where audit sockets are. Nobody can choose such a number, but whoever
# has that many files comes to it.
. /e2e/scripts/lib.sh
cat >/tmp/stray.py <<'end'
import os, socket

while os.dup(0) < 849:
    pass
first, second = socket.socketpair()
assert first.fileno() == 850
stray = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=850)
print(stray.getsockname() == first.getsockname())
first.detach()
end
step stray python3 /tmp/stray.py
