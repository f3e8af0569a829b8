#!/bin/bash
# The strict policy: inside, an audit daemon can register and records can be written; everything else is the host's.
. "$(dirname "$0")/lib.sh"
sed -i "s/^priority_boost.*/priority_boost = 0/" /etc/audit/auditd.conf

step status auditctl -s
step enable auditctl -e 0
step failure auditctl -f 0
step rate auditctl -r 1
step limit auditctl -b 1
step wait auditctl --backlog_wait_time 1
step add auditctl -w /etc/passwd -p wa -k identity
step list auditctl -l
step trim auditctl -t
step message auditctl -m "strictly speaking"
# Starting, this auditd enables auditing unless told not to change it.
auditd -n -s nochange >"$out/auditd" 2>&1 &
auditd=$!
step daemon bash -c "for _ in \$(seq 100); do auditctl -s | grep -qx 'pid $auditd' && exit 0; sleep 0.05; done; exit 1"
step status-after auditctl -s
kill "$auditd"
wait "$auditd"
echo "STEP daemon-ended $?"
