#!/bin/bash
# journald as a client of audit, in a container that systemd boots; see machine.sh for how it is called.
#
# handed   PID 1 opens the audit socket and hands it over, as distributions have it
# own      journald opens the audit socket itself: it does so only when it is given no socket at all
# beside   as distributions have it, without audit; a second journald with a journal of its own opens the audit socket
set -u

variant=$2

prepare() {
    local etc=$1/etc
    sed -i 's/^priority_boost.*/priority_boost = 0/' "$etc/audit/auditd.conf"
    if [ "$variant" = handed ]; then return; fi
    # An unread socket of PID 1 would be one more listener.
    ln -s /dev/null "$etc/systemd/system/systemd-journald-audit.socket"
    case $variant in
    own)
        # Debian's journald otherwise turns audit off when it begins to read it.
        mkdir -p "$etc/systemd/journald.conf.d"
        printf '[Journal]\nAudit=yes\n' >"$etc/systemd/journald.conf.d/audit.conf"
        mkdir "$etc/systemd/system/systemd-journald.service.d"
        printf '[Service]\nUnsetEnvironment=LISTEN_PID LISTEN_FDS LISTEN_FDNAMES\n' \
            >"$etc/systemd/system/systemd-journald.service.d/audit.conf"
        ;;
    beside)
        # Kept up while nobody logs to it: journald ends when idle unless it has to enforce a time of retention.
        printf '[Journal]\nAudit=yes\nMaxRetentionSec=1month\n' >"$etc/systemd/journald@audit.conf"
        cat >"$etc/systemd/system/audit-journal.service" <<'END'
[Unit]
Description=Journal of audit records
DefaultDependencies=no
After=systemd-journald.service systemd-remount-fs.service
Before=sysinit.target shutdown.target
Conflicts=shutdown.target
[Service]
Type=notify
ExecStart=/lib/systemd/systemd-journald audit
Restart=always
RuntimeDirectory=systemd/journal.audit
LogsDirectory=journal/%m.audit
[Install]
WantedBy=sysinit.target
END
        mkdir -p "$etc/systemd/system/sysinit.target.wants"
        ln -s ../audit-journal.service "$etc/systemd/system/sysinit.target.wants/"
        ;;
    esac
}

inside() {
    . /e2e/scripts/lib.sh
    local journal=(journalctl --quiet --no-pager) pid
    if [ "$variant" = beside ]; then journal+=(--namespace=audit); fi
    limit=90
    step up bash -c 'systemctl is-system-running --wait'
    limit=20
    fact state "$(systemctl is-system-running)"
    step failed systemctl list-units --failed --no-legend --plain
    step units systemctl list-units --no-legend --plain
    step socket systemctl show --property=ActiveState,SubState,Result systemd-journald-audit.socket
    step auditd systemctl is-active auditd.service
    step status auditctl -s

    step first auditctl -m first-mark
    step useradd useradd --create-home --shell /bin/bash --uid 1000 alice
    let_in alice
    step ssh ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes alice@127.0.0.1 'cat /proc/self/loginuid'
    step su su alice -c true
    step last auditctl -m last-mark

    if [ "$variant" != handed ]; then
        until_true 5 bash -c "${journal[*]} --grep=last-mark _TRANSPORT=audit" || echo "STEP arrived 1"
    fi
    step audit "${journal[@]}" --output=json --output-fields=_AUDIT_ID,_AUDIT_TYPE_NAME,MESSAGE _TRANSPORT=audit
    step status-last auditctl -s
    for unit in systemd-journald audit-journal; do
        pid=$(systemctl show --property=MainPID --value "$unit.service")
        if [ "$pid" != 0 ]; then step "descriptors-$unit" ls -l "/proc/$pid/fd"; fi
    done
}

"$1" "${@:3}"
