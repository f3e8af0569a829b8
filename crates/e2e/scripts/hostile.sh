#!/bin/bash
# A program that writes a record every few milliseconds, while others misbehave: first an ordinary user, then one who
# may write records (and so may fill the log with what he likes, but nothing else).
. "$(dirname "$0")/lib.sh"
limit=40

useradd --no-create-home --uid 1000 alice >/dev/null 2>&1
fact loginuid "$(cat /proc/self/loginuid)"
python3 /e2e/scripts/flood.py steady 1200 64 5 &
steady=$!
step unprivileged setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all --bounding-set=-all \
    python3 /e2e/scripts/hostile.py 1
step writer setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=+audit_write --ambient-caps=+audit_write \
    python3 /e2e/scripts/hostile.py 2
cat "$out/unprivileged" "$out/writer"
wait "$steady"
echo "STEP steady $?"
step status auditctl -s
step after auditctl -m "after the storm"
