#!/bin/bash
# Runs a program as process 1 of a container that has the host's files, but namespaces of its own.
#
#   hostile-enter.sh MODE PROGRAM [ARGUMENT...]
#
# MODE  init: with all of root's capabilities; user: in a user namespace that maps 0..65535 to 100000..165535
set -eu
. "$(dirname "$0")/userns.sh"
mode=$1
shift
apart=(unshare --mount --propagation private --pid --mount-proc --net --uts --ipc --fork --kill-child --)
if [ "$mode" = user ]; then
    mapped_user_namespace
    exec nsenter "--user=/proc/self/fd/$userns" --setuid 0 --setgid 0 -- "${apart[@]}" "$@"
fi
exec "${apart[@]}" "$@"
