#!/bin/bash
# The whole life of an auditd: records held for it, start, reconfiguration, rotation, resumption, a stop by a sender
# with identities of its own, records held while it was away, a second start and end.
#
#   auditd.sh [priority_boost]
. "$(dirname "$0")/lib.sh"

log=/var/log/audit/audit.log
sed -i "s/^priority_boost.*/priority_boost = ${1:-4}/" /etc/audit/auditd.conf
useradd --no-create-home --uid 1000 alice >/dev/null 2>&1

registered() { auditctl -s | grep -qx "pid $1"; }
logged() { grep -q "$1" "$log"; }

# start NAME: a fresh auditd in the foreground, as a container runs it; ready when the namespace knows it
start() {
    auditd -n >"$out/$1" 2>&1 &
    auditd=$!
    if until_true 10 registered "$auditd"; then echo "STEP $1 0"; else echo "STEP $1 1"; fi
}

# signal_as UID SIGNAL RECORD: a process with that login uid signals auditd; waits for auditd's record of it
signal_as() {
    bash -c "$([ "$1" = unset ] || echo "echo $1 >/proc/self/loginuid;") echo \$\$ >$out/sender-$2; kill -$2 $auditd" \
        >"$out/signal-$2" 2>&1
    if until_true 10 logged "$3"; then echo "STEP signal-$2 0"; else echo "STEP signal-$2 1"; fi
    fact "sender-$2" "$(cat "$out/sender-$2")"
}

for number in 1 2 3 4 5; do step "held-$number" auditctl -m "held-first-$number"; done
start first
fact auditd-1 "$auditd"
step status auditctl -s
for number in 1 2 3; do step "live-$number" auditctl -m "live-$number"; done
until_true 5 logged live-3

sed -i 's/^num_logs.*/num_logs = 4/' /etc/audit/auditd.conf
signal_as unset HUP 'type=DAEMON_CONFIG.*op=reconfigure'
signal_as unset USR1 'type=DAEMON_ROTATE'
step rotated test -s "$log.1"
signal_as unset USR2 'type=DAEMON_RESUME'
step after auditctl -m "after-rotation"
until_true 5 logged after-rotation
step signal-option auditctl --signal HUP
# auditd 3.0.9 confuses the answers to two questions at once for a signal's sender, on every kernel: one after the other.
until_true 10 logged 'type=DAEMON_CONFIG.*op=reconfigure' || echo "STEP signal-option 1"

# The one that stops it has logged in as alice: her login uid is what DAEMON_END must name.
signal_as 1000 TERM 'type=DAEMON_END'
wait "$auditd"
echo "STEP first-ended $?"
until_true 5 registered 0
step status-ended auditctl -s

for number in 1 2 3 4 5; do step "away-$number" auditctl -m "held-second-$number"; done
start second
fact auditd-2 "$auditd"
step live-4 auditctl -m "live-4"
until_true 5 logged live-4
until_true 5 logged 'op=set audit_pid' || true
kill "$auditd"
wait "$auditd"
echo "STEP second-ended $?"
cat "$log.1" "$log" >"$out/audit.log"
step ausearch ausearch -if "$out/audit.log" -m DAEMON_START,DAEMON_END -i
step aureport aureport -if "$out/audit.log" --summary
