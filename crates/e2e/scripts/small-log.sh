#!/bin/bash
# Runs a command with a small file system as its log directory: small-log.sh LOGDIR SHARE COMMAND...
# Half of the 400 KiB are taken, until SHARE/out/make-room asks for them. LOGDIR.copy receives what the log became.
if [ "$1" != --mounted ]; then
    exec unshare --mount --propagation private -- "$0" --mounted "$@"
fi
logdir=$2 share=$3
shift 3
mount -t tmpfs -o size=400k,mode=755 e2e-log "$logdir" || exit 99
dd if=/dev/zero of="$logdir/ballast" bs=1k count=200 status=none
(
    for _ in $(seq 600); do
        if [ -e "$share/out/make-room" ]; then
            rm "$logdir/ballast"
            : >"$share/out/room"
            break
        fi
        sleep 0.05
    done
) &
"$@"
status=$?
cp -r "$logdir" "$logdir.copy"
kill %1 2>/dev/null
exit "$status"
