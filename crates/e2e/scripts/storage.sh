#!/bin/bash
# More records than the log's file system has room for; see small-log.sh for the room and for who makes more of it.
. "$(dirname "$0")/lib.sh"

step failure auditctl -f 1
python3 /e2e/scripts/flood.py early 10
python3 /e2e/scripts/flood.py full 200 4000
step status-full auditctl -s
fact lost "$(auditctl -s | sed -n 's/^lost //p')"
# Nobody may be locked out because a log is full.
step su su -c true nobody -s /bin/sh
step useradd useradd --no-create-home alice
: >"$out/make-room"
until_true 10 test -e "$out/room" || echo "STEP room 1"
python3 /e2e/scripts/flood.py late 10
step status auditctl -s
