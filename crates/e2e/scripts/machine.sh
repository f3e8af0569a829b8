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
. "$(dirname "$self")/booted.sh"
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
    box=$share/box
    mount -t tmpfs -o mode=755,size=1g e2e-box "$box"
    mkdir "$box/upper" "$box/work" "$box/merged"
    chown "$owner:$owner" "$box/upper" "$box/work"
    mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" e2e-root "$box/merged"
    # systemd-nspawn leaves directories in the host's.
    mount -t tmpfs -o mode=755 e2e-run /run
    mkdir -p "$box/merged/e2e"
    prepare_boot "$script" "$variant" "$share"

    # A group of our own: systemd-nspawn names the groups that it makes below its own without regard to other containers.
    unified "$share"
    mkdir -p "$group"
    status=0
    "$self" boot "$group" "$ids" "$share" "$@" || status=$?
    tell "$share"
    remove_group
    exit "$status"
    ;;
boot)
    group=$1 ids=$2 share=$3
    shift 3
    echo $$ >"$group/cgroup.procs"
    # Its own filter answers every audit socket with EAFNOSUPPORT, before the kernel's own audit is asked. auditns has it
    # left out by itself.
    if [ "$1" = env ]; then export SYSTEMD_SECCOMP=0; fi
    exec timeout --kill-after=2 "$((${E2E_SECONDS:-120} + 15))" "$@" systemd-nspawn --quiet --boot --directory="$share/box/merged" \
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
