#!/bin/bash
# Unpacks a root file system: unpack.sh MODE TAR ROOT, with MODE as in enter.sh. In a user namespace tar gives every
# file its shifted owner and keeps set-user-id bits, which a change of owner afterwards would clear.
set -eu
. "$(dirname "$0")/userns.sh"

mkdir -p "$3"
if [ "$1" = user ]; then
    chown 100000:100000 "$3"
    mapped_user_namespace
    # The archive comes by standard input: the user of the namespace may not reach its path.
    exec nsenter "--user=/proc/self/fd/$userns" --setuid 0 --setgid 0 -- \
        tar -C "$3" -xp --numeric-owner --exclude='./dev/*' <"$2"
fi
exec tar -C "$3" -xp --numeric-owner --exclude='./dev/*' <"$2"
