#!/bin/bash
# Members that log without pause, with Debian's auditd registered, below a supervisor that the harness kills.
#
#   senders.sh FOLDER PROGRAM MEMBERS PAUSE-MICROSECONDS
#
# Runs in a mount namespace of its own, because an auditd writes its process id below /run. FOLDER/ready appears when
# everything runs; FOLDER/stop ends it.
folder=$1
export E2E_OUT=$folder/out
. "$(dirname "$0")/lib.sh"

log=$folder/auditd/audit.log
registered() { auditctl -s | grep -qx "pid $1"; }
logged() { grep -q "$1" "$log"; }

mount -t tmpfs -o mode=755,size=1m e2e-run /run
auditd -n -c "$folder/auditd" >"$out/auditd" 2>&1 &
auditd=$!
if until_true 10 registered "$auditd"; then echo "STEP registered 0"; else cat "$out/auditd" >&2; exit 1; fi
# This auditd throws the first packet after its registration away (libaudit 3.0.9, audit_set_pid with WAIT_YES).
for number in 1 2 3; do auditctl -m "mark=begin-$number"; done
until_true 10 logged mark=begin-3 || echo "STEP begun 1"
: >"$folder/ready"
"$2" "$3" "$folder/stop" "$4"
echo "STEP members $?"
if registered "$auditd"; then echo "STEP still-registered 0"; else echo "STEP still-registered 1"; fi
auditctl -s >"$out/status"
auditctl -m "mark=end-1"
if until_true 20 logged mark=end-1; then echo "STEP all-logged 0"; else echo "STEP all-logged 1"; fi
kill "$auditd"
wait "$auditd"
echo "STEP auditd-ended $?"
