#!/bin/bash
# What runs in a container of a launcher: the login battery, and an audit daemon.
bash /e2e/scripts/pam.sh
. /e2e/scripts/lib.sh
sed -i 's/^priority_boost.*/priority_boost = 0/' /etc/audit/auditd.conf
step daemon bash -c 'auditd && auditctl -s | grep -v "^pid 0$"'
step for-the-daemon auditctl -m for-the-daemon
step in-its-log bash -c 'until grep -q for-the-daemon /var/log/audit/audit.log; do sleep 0.05; done'
step daemon-end bash -c 'kill "$(pidof auditd)"'
