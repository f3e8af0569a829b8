#!/bin/bash
# Runs a program as process 1 of a container made of plain namespaces.
#
#   enter.sh start MODE ROOT SHARE PROGRAM [ARGUMENT...]
#
# MODE   init: in the initial user namespace with all of root's capabilities
#        docker: there too, with the capabilities that Docker and containerd leave a container
#        control: as docker, and AUDIT_CONTROL, as a runtime may grant it where a namespace is there to be controlled
#        user: in a user namespace that maps 0..65535 to 100000..165535, with all capabilities there
# ROOT   the cached root file system of that mode; it is only read (lower layer of an overlay)
# SHARE  a directory of this run. SHARE/e2e appears as /e2e inside, SHARE/pid receives the pid of the process
#        that takes the container down when it is killed, SHARE/box is the mount point of everything private
#
# E2E_ROOTLESS, in mode user: words of a command (no blanks in one) that starts the container as root of the user namespace,
# who is an ordinary user of the host, as rootless runtimes do.
#
# Every mount lives in a private mount namespace and every process in a private pid namespace, so the end of the
# program (or a kill of SHARE/pid) leaves nothing behind. The exit status is the program's.
set -eu
. "$(dirname "$0")/userns.sh"

self=$0
stage=$1
shift

docker=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw
docker+=,+sys_chroot,+mknod,+audit_write,+setfcap

devices() {
    mount -t tmpfs -o mode=755,size=1m e2e-dev "$1/dev"
    for device in null zero full random urandom tty; do
        : >"$1/dev/$device"
        mount --bind "/dev/$device" "$1/dev/$device"
    done
    mkdir "$1/dev/pts" "$1/dev/shm"
    ln -s pts/ptmx "$1/dev/ptmx"
    ln -s /proc/self/fd "$1/dev/fd"
    ln -s /proc/self/fd/0 "$1/dev/stdin"
    ln -s /proc/self/fd/1 "$1/dev/stdout"
    ln -s /proc/self/fd/2 "$1/dev/stderr"
}

case $stage in
start)
    exec unshare --mount --propagation private -- "$self" mounts "$@"
    ;;
mounts)
    mode=$1 root=$2 share=$3
    shift 3
    owner=0
    if [ "$mode" = user ]; then owner=100000; fi
    box=$share/box
    mount -t tmpfs -o mode=755,size=1g e2e-box "$box"
    mkdir "$box/upper" "$box/work" "$box/merged"
    chown "$owner:$owner" "$box/upper" "$box/work"
    mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" e2e-root "$box/merged"
    mount -t tmpfs -o "mode=755,uid=$owner,gid=$owner" e2e-run "$box/merged/run"
    mount -t tmpfs -o "mode=1777,uid=$owner,gid=$owner" e2e-tmp "$box/merged/tmp"
    mkdir -p "$box/merged/e2e"
    mount --bind "$share/e2e" "$box/merged/e2e"
    devices "$box/merged"
    if [ "$mode" = user ]; then
        mapped_user_namespace ${E2E_ROOTLESS:+setpriv --reuid=100000 --regid=100000 --clear-groups}
        echo $$ >"$share/pid"
        exec nsenter "--user=/proc/self/fd/$userns" --setuid 0 --setgid 0 -- \
            ${E2E_ROOTLESS:-} unshare --mount --pid --net --uts --ipc --fork --kill-child -- "$self" inside "$box/merged" "$@"
    fi
    echo $$ >"$share/pid"
    case $mode in
    docker) set -- setpriv "--bounding-set=$docker" -- "$@" ;;
    control) set -- setpriv "--bounding-set=$docker,+audit_control" -- "$@" ;;
    esac
    exec unshare --mount --pid --net --uts --ipc --fork --kill-child -- "$self" inside "$box/merged" "$@"
    ;;
inside)
    merged=$1
    shift
    # Mounts that come from a more privileged mount namespace are locked: pivot_root needs one of our own.
    mount --rbind "$merged" "$merged"
    mount -t proc proc "$merged/proc"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$merged/dev/pts"
    hostname e2e
    cd "$merged"
    pivot_root . .
    umount -l .
    cd /
    ip link set lo up
    echo "127.0.0.1 localhost e2e" >/etc/hosts
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root SHELL=/bin/bash TERM=dumb LANG=C "$@"
    ;;
*)
    echo "enter.sh: unknown stage '$stage'; use 'start'" >&2
    exit 64
    ;;
esac
