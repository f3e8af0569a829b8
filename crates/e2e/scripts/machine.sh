#!/bin/bash
# Boots Debian with systemd as process 1 of a systemd-nspawn container, lets a script run inside once it is up, and
# waits until it is powered off again.
#
#   machine.sh start MODE ROOT SHARE SCRIPT VARIANT COMMAND [ARGUMENT...]
#
# MODE     init: in the initial user namespace; user: in one that maps 0..65535 to 100000..165535
# ROOT     the cached root file system of that mode; it is only read (lower layer of an overlay)
# SHARE    a directory of this run. SHARE/e2e appears as /e2e inside, SHARE/e2e/out/journal gets the end of the
#          container's journal, SHARE/box is the mount point of everything private
# SCRIPT   runs twice: `SCRIPT prepare VARIANT ROOT` here, before the boot; `SCRIPT inside VARIANT` in there, as a
#          service
# COMMAND  what starts systemd-nspawn: `auditns run OPTIONS --`, or `env` for the kernel's own audit
#
# E2E_SECONDS in the environment is how long SCRIPT may take inside, E2E_NSPAWN_OPTIONS what else systemd-nspawn is told.
#
# To be run as process 1 of a private pid namespace with a private mount namespace (`unshare --fork --kill-child ...`):
# systemd-nspawn leaves its container running when it is killed. What SCRIPT reports inside goes to standard output in
# the end; the exit status is that of COMMAND.
set -eu

self=$(realpath "$0")
stage=$1
shift

case $stage in
start)
    mode=$1 root=$2 share=$3 script=$4 variant=$5
    shift 5
    case $mode in
    init) owner=0 ids=no ;;
    user) owner=100000 ids=100000:65536 ;;
    *) echo "machine.sh: unknown mode '$mode'; use 'init' or 'user'" >&2 && exit 64 ;;
    esac
    box=$share/box etc=$share/box/merged/etc/systemd
    mount -t tmpfs -o mode=755,size=1g e2e-box "$box"
    mkdir "$box/upper" "$box/work" "$box/merged"
    chown "$owner:$owner" "$box/upper" "$box/work"
    mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" e2e-root "$box/merged"
    # systemd-nspawn leaves directories in the host's.
    mount -t tmpfs -o mode=755 e2e-run /run
    mkdir -p "$box/merged/e2e"
    echo e2e >"$box/merged/etc/hostname"
    "$share/e2e/scripts/$script" prepare "$variant" "$box/merged"
    cat >"$etc/system/e2e.service" <<END
[Unit]
Description=What the test does inside
After=multi-user.target
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=exec
ExecStart=/bin/bash /e2e/scripts/$script inside $variant
StandardOutput=file:/e2e/out/report
StandardError=file:/e2e/out/report
RuntimeMaxSec=${E2E_SECONDS:-40}
[Install]
WantedBy=multi-user.target
END
    mkdir -p "$etc/system/multi-user.target.wants" "$etc/system.conf.d"
    ln -s ../e2e.service "$etc/system/multi-user.target.wants/"
    printf '[Manager]\nDefaultTimeoutStartSec=20\nDefaultTimeoutStopSec=10\n' >"$etc/system.conf.d/e2e.conf"

    # One unified hierarchy, whatever the host mounts, and a group of our own in it: systemd-nspawn names the groups
    # that it makes below its own without regard to other containers.
    umount --recursive --lazy /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    here=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    group=$here/auditns-e2e-$(basename "$share")
    mkdir -p "$group"
    status=0
    "$self" boot "$group" "$ids" "$share" "$@" || status=$?
    if [ -s "$share/e2e/out/report" ]; then cat "$share/e2e/out/report"; fi
    journalctl --directory="$box/merged/var/log/journal" --no-pager --output=short-monotonic --lines=250 \
        >"$share/e2e/out/journal" 2>&1 || true
    # Members are left only when the container had to be killed; they need a moment to go.
    echo 1 >"$group/cgroup.kill"
    for _ in $(seq 100); do
        if find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
        sleep 0.02
    done
    exit "$status"
    ;;
boot)
    group=$1 ids=$2 share=$3
    shift 3
    echo $$ >"$group/cgroup.procs"
    # Its own filter answers every audit socket with EAFNOSUPPORT, before the kernel's own audit is asked. auditns has it
    # left out by itself.
    if [ "$1" = env ]; then export SYSTEMD_SECCOMP=0; fi
    exec timeout --kill-after=2 "$((${E2E_SECONDS:-40} + 15))" "$@" systemd-nspawn --quiet --boot --directory="$share/box/merged" \
        --keep-unit --register=no --console=pipe \
        --private-users="$ids" --private-users-ownership=off --private-network --hostname=e2e \
        --capability=CAP_AUDIT_CONTROL,CAP_AUDIT_READ,CAP_AUDIT_WRITE \
        --bind="$share/e2e:/e2e" --link-journal=no --resolv-conf=off --timezone=off ${E2E_NSPAWN_OPTIONS:-}
    ;;
*)
    echo "machine.sh: unknown stage '$stage'; use 'start'" >&2
    exit 64
    ;;
esac
