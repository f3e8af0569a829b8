#!/bin/bash
# Prints what comes of every system call in a container of systemd-nspawn: STAGE says below which filters.
#
#   nspawn-calls.sh ROOT SHARE COMMAND [ARGUMENT...]
#
# COMMAND starts systemd-nspawn: `env`, or `auditns run OPTIONS --`. To be run as process 1 of private pid and mount
# namespaces.
set -eu
root=$1 share=$2
shift 2
box=$share/box
mount -t tmpfs -o mode=755 e2e-box "$box"
mkdir "$box/upper" "$box/work" "$box/merged"
mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" e2e "$box/merged"
mount -t tmpfs -o mode=755 e2e-run /run
cp "$(dirname "$0")/calls.py" "$box/merged/calls.py"
exec "$@" systemd-nspawn --quiet --directory="$box/merged" --register=no --keep-unit --console=pipe \
    python3 /calls.py </dev/null
