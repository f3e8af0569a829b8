#!/bin/bash
# Logins in a container that systemd boots: by ssh, and by a unit that systemd itself opens a session for. See machine.sh for
# how it is called; it has one variant.
set -u

prepare() {
    local etc=$1/etc
    sed -i 's/^priority_boost.*/priority_boost = 0/' "$etc/audit/auditd.conf"
    # No job of cron's logs in meanwhile.
    : >"$etc/crontab"
    rm -f "$etc"/cron.d/*
    cat >"$etc/systemd/system/session.service" <<'END'
[Unit]
Description=Work of a user who is logged in
[Service]
Type=oneshot
User=alice
PAMName=login
ExecStart=/bin/bash /e2e/scripts/login-of.sh
StandardOutput=file:/e2e/out/unit-session
END
}

inside() {
    . /e2e/scripts/lib.sh
    limit=90
    step up bash -c 'systemctl is-system-running --wait'
    limit=20
    fact state "$(systemctl is-system-running)"
    step failed systemctl list-units --failed --no-legend --plain
    step before bash /e2e/scripts/login-of.sh
    step useradd useradd --create-home --shell /bin/bash --uid 1000 alice
    let_in alice
    touch /e2e/out/unit-session
    remote=(ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes alice@127.0.0.1)
    step ssh "${remote[@]}" bash /e2e/scripts/login-of.sh
    step ssh-again "${remote[@]}" bash /e2e/scripts/login-of.sh
    step unit systemctl start session.service
}

"$1" "${@:3}"
