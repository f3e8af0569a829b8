#!/bin/bash
# Every option of auditctl, in an order that lets each step show what the one before it did.
#
# The answers of the real kernel are in data/auditctl.txt. They come from this script too, run as root in the
# initial namespaces of a machine whose audit nobody uses at that time:
#   E2E_OUT=DIR scripts/auditctl.sh
# It ends with auditing disabled, no rules and the kernel's initial settings. What a real machine must not be asked
# (a locked configuration, failure 2) is in locked.sh.
. "$(dirname "$0")/lib.sh"

# --- settings, one at a time
step enable auditctl -e 1
step first-wait auditctl --backlog_wait_time 15000
step first-limit auditctl -b 64
step limit auditctl -b 4096
step failure-0 auditctl -f 0
step failure-1 auditctl -f 1
step rate auditctl -r 1000
step rate-off auditctl -r 0
step wait auditctl --backlog_wait_time 100
step wait-60000 auditctl --backlog_wait_time 60000
step wait-too-long auditctl --backlog_wait_time 2000000
step reset-lost auditctl --reset-lost
step reset-wait auditctl --reset_backlog_wait_time_actual
step status auditctl -s
step status-text auditctl -s -i
step enable-3 auditctl -e 3
step failure-3 auditctl -f 3
step limit-junk auditctl -b many
step rate-junk auditctl -r -1
step version auditctl -v
step help auditctl -h
step nonsense auditctl --frobnicate
step disable auditctl -e 0
step message-disabled auditctl -m "while disabled"
step enable-again auditctl -e 1
step message auditctl -m "a message of two words"

# --- rules: every list, both actions, both ends, keys, watches
step list-empty auditctl -l
step add-exit auditctl -a always,exit -F arch=b64 -S openat -F success=0 -F auid\>=1000 -F auid!=unset -k denied
step add-exit-first auditctl -A exit,never -F arch=b64 -S adjtimex -k clock
step add-task auditctl -a task,never
step add-user auditctl -a user,always -F uid=0
step add-exclude auditctl -a exclude,always -F msgtype=CWD
step add-exclude-never auditctl -a never,exclude -F msgtype=CRYPTO_KEY_USER
step add-filesystem auditctl -a never,filesystem -F fstype=tracefs
step add-watch auditctl -w /etc/passwd -p wa -k identity
step add-watch-dir auditctl -w /etc/ssh/ -p rwxa -k sshd
step add-exe auditctl -a always,exit -F exe=/usr/bin/id -S execve -k id-runs
step add-compare auditctl -a always,exit -F arch=b64 -S kill -C auid!=obj_uid -k kills
step add-two-keys auditctl -a always,exit -F arch=b64 -S mount -k one -k two
step add-twice auditctl -w /etc/passwd -p wa -k identity
step add-relative auditctl -w etc/passwd -p wa
step add-missing auditctl -w /nonexistent/dir/file -p wa
step add-no-field auditctl -a always,exit -F nosuchfield=1
step add-bad-list auditctl -a always,nosuchlist -S open
step list auditctl -l
step list-key auditctl -l -k identity
step delete-absent auditctl -d always,exit -F arch=b64 -S unlink -k none
step delete-exit auditctl -d always,exit -F arch=b64 -S openat -F success=0 -F auid\>=1000 -F auid!=unset -k denied
step delete-watch auditctl -W /etc/passwd -p wa -k identity
step delete-watch-absent auditctl -W /etc/passwd -p wa -k identity
step delete-user auditctl -d user,always -F uid=0
step list-fewer auditctl -l
step trim auditctl -t
step equivalent auditctl -q /usr,/etc
step equivalent-missing auditctl -q /nonexistent/one,/nonexistent/two
step delete-key auditctl -D -k sshd
step delete-all auditctl -D
step list-none auditctl -l

# --- rules from files
rules=$(mktemp -d)
printf '## comment\n\n-D\n-b 8192\n-f 1\n--backlog_wait_time 60000\n-w /etc/shadow -p wa -k shadow\n' >"$rules/good"
printf -- '-D\n-a always,exit -F nosuchfield=1\n-w /etc/group -p wa -k group\n' >"$rules/bad"
step file auditctl -R "$rules/good"
step file-list auditctl -l
step file-bad auditctl -R "$rules/bad"
step file-bad-list auditctl -l
printf -- '-D\n-i\n-a always,exit -F nosuchfield=1\n-w /etc/group -p wa -k group\n' >"$rules/bad-i"
step file-ignore auditctl -R "$rules/bad-i"
step file-ignore-list auditctl -l
printf -- '-D\n-c\n-a always,exit -F nosuchfield=1\n-w /etc/group -p wa -k group\n' >"$rules/bad-c"
step file-continue auditctl -R "$rules/bad-c"
step file-continue-list auditctl -l
step file-missing auditctl -R "$rules/none"
rm -r "$rules"
# What Debian ships: the rules that augenrules makes of /etc/audit/rules.d.
if [ -d /etc/audit/rules.d ]; then
    step augenrules augenrules --load
else
    echo "STEP augenrules -1"
fi
step augenrules-status auditctl -s

# --- a daemon to signal is not there
step signal-nobody auditctl --signal HUP
step signal-nobody-stop auditctl --signal TERM
step signal-junk auditctl --signal frobnicate

# --- back to what a kernel starts with
step end-rules auditctl -D
step end-limit auditctl -b 64
step end-rate auditctl -r 0
step end-failure auditctl -f 1
step end-wait auditctl --backlog_wait_time 15000
step end-disable auditctl -e 0
