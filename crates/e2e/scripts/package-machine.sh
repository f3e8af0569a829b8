#!/bin/bash
# The Debian package on a host that systemd manages; see machine.sh for how it is called.
set -u

prepare() {
    # The test looks at auditns and its members, not at the kernel's audit.
    ln -s /dev/null "$2/etc/systemd/system/systemd-journald-audit.socket"
    ln -s /dev/null "$2/etc/systemd/system/auditd.service"
    rm -f "$2"/etc/dpkg/dpkg.cfg.d/*
}

pid() { systemctl show --property=MainPID --value auditns.service; }
sent() { sed 's/sent=\([0-9]*\).*/\1/' "$out/$1"; }
more() { [ "$(sent "$1")" -gt "$2" ]; }

# member NAME: one that logs in a loop, in a service of its own
member() {
    systemd-run --quiet --collect --unit="$1" auditns run --name "$1" -- python3 /e2e/scripts/sends.py "$1" "$out/$1"
    until_true 15 test -s "$out/$1" && until_true 15 more "$1" 30
}

# goes_on STEP NAME: whether the member goes on with what the supervisor of now gives it
goes_on() {
    local status=0 before
    until_true 15 auditns list || status=1
    before=$(sent "$2")
    until_true 15 more "$2" $((before + 30)) || status=2
    echo "STEP $1 $status"
}

# kept_idle: whether the service manager keeps what it keeps of a supervisor without namespaces: the three sockets on which that
# listens, what the files of login uids hang on, and audit sockets that are ready
kept_idle() {
    local ready
    ready=$(python3 -c '
import json, socket
control = socket.socket(socket.AF_UNIX)
control.connect("/run/auditns/io.auditns")
control.sendall(b"""{"method": "io.auditns.GetSupervisor"}\0""")
answer = b"".join(iter(lambda: control.recv(1), b"\0"))
print(json.loads(answer)["parameters"]["ready_sockets"])')
    [ "$(systemctl show --property=NFileDescriptorStore --value auditns.service)" = $((5 + ready)) ]
}

# comes STEP SECONDS COMMAND...: whether the command succeeds in time
comes() {
    local name=$1 status=0
    shift
    until_true "$@" || status=1
    echo "STEP $name $status"
}

killed() {
    local before
    before=$(pid)
    kill -KILL "$before"
    until_true 15 bash -c "p=\$(systemctl show --property=MainPID --value auditns.service); [ \$p != 0 ] && [ \$p != $before ]"
}

inside() {
    . /e2e/scripts/lib.sh
    local before number
    step install dpkg -i /e2e/old.deb
    step active systemctl is-active auditns.service
    step enabled systemctl is-enabled auditns.service
    step exposure systemd-analyze security --no-pager auditns.service
    step probe auditns probe
    fact mounts "$([ "$(readlink "/proc/$(pid)/ns/mnt")" = "$(readlink /proc/1/ns/mnt)" ] && echo shared || echo own)"
    fact capabilities "$(sed -n 's/^CapPrm:\t//p' "/proc/$(pid)/status")"
    step tree grep -c ' /run/auditns/proc .* fuse ' /proc/self/mountinfo

    # What real programs ask of audit, as the sandbox of the unit leaves it.
    step calls systemctl show --property=SystemCallFilter --value auditns.service
    step watch auditns run --name rules -- auditctl -w /etc/shadow -p wa -k secrets
    systemctl stop cron.service
    # By which cron knows that its jobs of the start have been run.
    rm -f /run/crond.reboot
    auditns run --name battery -- unshare --mount --pid --fork --mount-proc \
        env E2E_OUT="$out/battery" bash /e2e/scripts/probe.sh | sed 's/^STEP /STEP battery-/'

    member web
    fact kept "$(systemctl show --property=NFileDescriptorStore --value auditns.service)"
    for number in 1 2 3; do
        killed
        goes_on "killed-$number" web
    done
    fact restarts "$(systemctl show --property=NRestarts --value auditns.service)"
    comes tree-again 20 bash -c 'cat /run/auditns/proc/$(pgrep --full ^python3)/audit_backlog_limit'
    step restart systemctl restart auditns.service
    goes_on restarted web

    printf '[defaults]\nbacklog-limit = 77\n' >/etc/auditns/auditns.toml
    step reload systemctl reload auditns.service
    comes limit 10 bash -c 'auditns run -- auditctl -s | grep -x "backlog_limit 77"'
    # A policy with an error: the containers wait until it is mended.
    echo 'defaults = [' >/etc/auditns/auditns.toml
    step restart-wrong systemctl restart auditns.service
    rm /etc/auditns/auditns.toml
    goes_on mended web

    rm /run/auditns/io.auditns
    step restart-without-socket systemctl restart auditns.service
    goes_on socket-again web

    before=$(pid)
    step upgrade dpkg -i --force-confmiss --force-confdef /e2e/new.deb
    fact replaced "$([ "$before" != "$(pid)" ] && echo yes || echo no)"
    step runs-new bash -c "readlink /proc/$(pid)/exe | grep -x /usr/bin/auditns"
    goes_on upgraded web
    step version auditns --version

    touch "$out/web.stop"
    until_true 15 bash -c '! systemctl is-active web.service' || echo "STEP ended 1"
    fact web "$(cat "$out/web")"
    fact logged "$(cat /var/log/auditns/web/audit.log* | grep -o 'mark=web-[0-9]*' | sort -u | wc -l)"
    fact lines "$(cat /var/log/auditns/web/audit.log* | grep -c 'mark=web-')"
    comes forgotten 10 kept_idle

    member left
    step remove dpkg -r auditns
    fact after-removal "$(systemctl is-active auditns.service)"
    until_true 15 grep -q errno=ENOSYS "$out/left"
    touch "$out/left.stop"
    fact left "$(cat "$out/left")"
    step run-folder test ! -e /run/auditns
    step purge dpkg -P auditns
    step nothing-left bash -c '! find / -xdev -name "*auditns*" -not -path "/e2e/*" -not -path "/proc/*" -not -path "/sys/*" | grep .'
    journalctl --quiet --no-pager --unit=auditns.service --output=cat >"$out/unit-journal"
}

"$1" "${@:2}"
