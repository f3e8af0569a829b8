#!/bin/bash
# Says `ready` when a sender has an unread answer, waits for `stopped`, says `sent` when the sender has sent and is gone.
. "$(dirname "$0")/lib.sh"
python3 /e2e/scripts/unread.py
: >"$out/sent"
step message auditctl -m "mark=last"
