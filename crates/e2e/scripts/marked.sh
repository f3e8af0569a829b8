#!/bin/bash
# Messages that carry a mark, from several writers at once, to an auditd where one can register: marked.sh MARK COUNT
. "$(dirname "$0")/lib.sh"

log=/var/log/audit/audit.log
sed -i "s/^priority_boost.*/priority_boost = 0/" /etc/audit/auditd.conf
auditd -n >"$out/auditd" 2>&1 &
auditd=$!
until_true 20 bash -c "auditctl -s | grep -qx 'pid $auditd' || ! kill -0 $auditd"

writers=()
for writer in a b c; do
    python3 /e2e/scripts/flood.py "$1-$writer" "$2" &
    writers+=("$!")
done
step su su -c "true" nobody -s /bin/sh
for writer in "${writers[@]}"; do
    wait "$writer"
    echo "STEP writer $?"
done
step message auditctl -m "mark=$1-end"
if kill -0 "$auditd" 2>/dev/null; then
    until_true 10 grep -q "mark=$1-end" "$log"
    kill "$auditd"
    wait "$auditd"
    cp "$log" "$out/audit.log"
fi
