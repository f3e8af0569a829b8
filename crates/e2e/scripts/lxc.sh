#!/bin/bash
# Runs a container of LXC, and waits until it ends. Its calls on audit go to the proxy of a supervisor.
#
#   lxc.sh MODE ROOT SHARE NAME SOCKET execute PROGRAM [ARGUMENT...]
#   lxc.sh MODE ROOT SHARE NAME SOCKET start SCRIPT VARIANT
#   lxc.sh attach SHARE NAME PROGRAM [ARGUMENT...]
#   lxc.sh stop SHARE NAME
#   lxc.sh clean SHARE
#
# MODE     init: in the initial user namespace; user: in one that maps 0..65535 to 100000..165535
# ROOT     the cached root file system of that mode; it is only read (lower layer of an overlay)
# SHARE    a directory of this run. SHARE/e2e appears as /e2e inside, SHARE/box is the mount point of everything private,
#          SHARE/monitor receives the pid of the monitor, SHARE/lxc is the folder of its containers
# SOCKET   where the proxy listens
# execute  the program is process 1 of the container, below LXC's own small init
# start    systemd boots; SCRIPT is run as machine.sh has it, and the container is powered off afterwards
#
# To be run in a private mount namespace (`unshare --mount --propagation private`). The pid namespace is the host's, in which
# a supervisor has to see the monitor. attach and stop join the monitor's mount namespace. clean ends whatever a killed
# monitor has left.
set -eu

. "$(dirname "$0")/booted.sh"

case $1 in
attach | stop)
    share=$2 name=$3
    enter=(nsenter --target "$(cat "$share/monitor")" --mount --)
    ;;&
attach)
    shift 3
    exec "${enter[@]}" lxc-attach -P "$share/lxc" -n "$name" --clear-env -- "$@"
    ;;
stop)
    exec "${enter[@]}" lxc-stop -P "$share/lxc" -n "$name" --kill
    ;;
clean)
    unified "$2"
    if [ -e "$group" ]; then remove_group; fi
    exit
    ;;
esac

mode=$1 root=$2 share=$3 name=$4 socket=$5 how=$6
shift 6
case $mode in
init) owner=0 ;;
user) owner=100000 ;;
*) echo "lxc.sh: unknown mode '$mode'; use 'init' or 'user'" >&2 && exit 64 ;;
esac
box=$share/box lxc=$share/lxc/$name
mkdir -p "$lxc"
mount -t tmpfs -o mode=755,size=1g e2e-box "$box"
mkdir "$box/upper" "$box/work" "$box/merged" "$box/etc" "$box/etc-work"
chown "$owner:$owner" "$box/upper" "$box/work"
mount -t overlay -o "lowerdir=$root,upperdir=$box/upper,workdir=$box/work" e2e-root "$box/merged"
# LXC leaves locks in the host's.
mount -t tmpfs -o mode=755 e2e-run /run
# Without it, newuidmap refuses root the ids of the container.
mount -t overlay -o "lowerdir=/etc,upperdir=$box/etc,workdir=$box/etc-work" e2e-etc /etc
for file in subuid subgid; do echo root:100000:65536 >"/etc/$file"; done

"$PROGRAM" profile lxc --output "$lxc/seccomp" 2>/dev/null
cat >"$lxc/config" <<END
lxc.uts.name = e2e
lxc.rootfs.path = dir:$box/merged
lxc.mount.entry = $share/e2e e2e none bind,create=dir 0 0
lxc.mount.auto = proc:rw sys:mixed cgroup:rw:force
lxc.net.0.type = empty
lxc.net.0.flags = up
lxc.pty.max = 64
lxc.cgroup.relative = 1
lxc.cap.drop = sys_module sys_time sys_rawio mac_admin mac_override
lxc.seccomp.profile = $lxc/seccomp
lxc.seccomp.notify.proxy = unix:$socket
lxc.environment = PATH=/usr/sbin:/usr/bin:/sbin:/bin
lxc.environment = HOME=/root
lxc.environment = USER=root
lxc.environment = LANG=C
lxc.environment = TERM=dumb
${E2E_LXC_CONFIG:-}
END
if [ "$mode" = user ]; then
    printf 'lxc.idmap = %s 0 100000 65536\n' u g >>"$lxc/config"
fi

if [ "$how" = start ]; then
    prepare_boot "$1" "$2" "$share"
    set -- /sbin/init
fi

here=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
unified "$share"
mkdir -p "$group/runs"
echo $$ >"$group/runs/cgroup.procs"

status=0
case $how in
execute) command=(lxc-execute -P "$share/lxc" -n "$name" -- "$@") ;;
start) command=(lxc-start -P "$share/lxc" -n "$name" --foreground) ;;
*) echo "lxc.sh: unknown way '$how'; use 'execute' or 'start'" >&2 && exit 64 ;;
esac
"${command[@]}" </dev/null &
echo $! >"$share/monitor"
wait $! || status=$?
if [ "$how" = start ]; then tell "$share"; fi
echo $$ >"$here/cgroup.procs"
remove_group
exit "$status"
