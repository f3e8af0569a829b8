#!/bin/bash
# What must never be asked of a real machine: failure 2, a locked feature, a locked configuration, a fresh auditd after
# the lock. The lock of an audit namespace ends with it.
. "$(dirname "$0")/lib.sh"
sed -i "s/^priority_boost.*/priority_boost = 0/" /etc/audit/auditd.conf

step add auditctl -w /etc/passwd -p wa -k identity
step failure-2 auditctl -f 2
step immutable auditctl --loginuid-immutable
step immutable-status auditctl -s
step lock auditctl -e 2
step status auditctl -s
step enable-0 auditctl -e 0
step enable-1 auditctl -e 1
step failure auditctl -f 0
step limit auditctl -b 100
step rate auditctl -r 10
step wait auditctl --backlog_wait_time 10
step add-more auditctl -w /etc/group -p wa -k group
step delete auditctl -W /etc/passwd -p wa -k identity
step delete-all auditctl -D
step trim auditctl -t
step equivalent auditctl -q /usr,/etc
step rules-file auditctl -R /etc/audit/audit.rules
step status-after auditctl -s
step list auditctl -l
step reset-lost auditctl --reset-lost
step message auditctl -m "while locked"
auditd -n &
auditd=$!
step daemon bash -c "for _ in \$(seq 100); do auditctl -s | grep -qx 'pid $auditd' && exit 0; sleep 0.05; done; exit 1"
kill "$auditd"
wait "$auditd"
echo "STEP daemon-ended $?"
