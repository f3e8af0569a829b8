#!/bin/bash
# An auditd that stands still while records come, and then goes on: stalled.sh COUNT
. "$(dirname "$0")/lib.sh"

log=/var/log/audit/audit.log
sed -i "s/^priority_boost.*/priority_boost = 0/" /etc/audit/auditd.conf
auditd -n >"$out/auditd" 2>&1 &
auditd=$!
until_true 10 bash -c "auditctl -s | grep -qx 'pid $auditd'" || echo "STEP start 1"
auditctl -b 32 >/dev/null
auditctl --backlog_wait_time 1 >/dev/null
kill -STOP "$auditd"
: >"$out/stalled"
python3 /e2e/scripts/flood.py stalled "$1" 4000
step status auditctl -s
kill -CONT "$auditd"
step message auditctl -m "mark=awake"
until_true 10 grep -q "mark=awake" "$log" || echo "STEP awake 1"
# What is held goes out when the queue is worked on next.
for number in 1 2; do
    auditctl -m "mark=settled-$number"
    until_true 10 grep -q "mark=settled-$number" "$log" || echo "STEP awake 1"
done
sleep 0.5
fact lost "$(auditctl -s | sed -n 's/^lost //p')"
kill "$auditd"
wait "$auditd"
echo "STEP ended $?"
cp "$log" "$out/audit.log"
