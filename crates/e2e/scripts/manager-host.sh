#!/bin/bash
# Runs a script on a host that looks freshly installed, where a container manager is ready and auditns serves.
#
#   manager-host.sh MANAGER ROOT SHARE PROGRAM
#
# MANAGER  podman, docker, containerd: has an image `debian` (for containerd docker.io/library/debian:latest)
#          podman-user: the same for a user; `as_user COMMAND...` runs something as that one
#          runc-user: the same with a user, without a manager
#          runc: bundles /srv/web, /srv/one and /srv/two, launcher: root file systems /srv/web and /srv/build
# ROOT     a root file system of Debian; it is only read
# SHARE    a directory of this run: SHARE/files is copied over /, SHARE/script is run, SHARE/log gets the logs, SHARE/e2e is
#          for containers to mount
# PROGRAM  auditns
#
# To be run as process 1 of private pid, network and mount namespaces.
set -eu
manager=$1 root=$2 share=$3 program=$4
box=$share/box
mount -t tmpfs -o mode=755,size=4g e2e-box "$box"
install -m 755 "$program" "$box/auditns"
for folder in /etc /usr/bin /srv /opt; do
    mkdir -p "$box/upper$folder" "$box/work$folder" "$folder"
    mount -t overlay -o "lowerdir=$folder,upperdir=$box/upper$folder,workdir=$box/work$folder" e2e "$folder"
done
for folder in /run /var/lib /var/log; do
    mkdir -p "$box/tmpfs$folder"
    mount --bind "$box/tmpfs$folder" "$folder"
done
mkdir -p /var/log/auditns /srv/e2e
mount --bind "$share/e2e" /srv/e2e
chmod -R a+rwX /srv/e2e
mount --bind "$share/log" /var/log/auditns
ip link set lo up
install -m 755 "$box/auditns" /usr/bin/auditns
ln -s auditns /usr/bin/auditns-runc
ln -s auditns /usr/bin/auditns-crun
rm -f /etc/containers/containers.conf /etc/docker/daemon.json
[ -z "$(ls -A "$share/files")" ] || cp -r "$share/files/." /
# crun does not take the mixture of both kinds of cgroups that some machines have.
umount --lazy /sys/fs/cgroup/unified 2>/dev/null || true
auditns supervise 2>"$share/e2e/out/supervisor" &
until auditns list >/dev/null 2>&1; do sleep 0.02; done

image() {
    tar --create --directory "$root" --one-file-system --exclude=./dev/* . 2>/dev/null
}
as_user() {
    (
        cd /
        exec setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/var/lib/podman-user USER=podman-user \
            XDG_RUNTIME_DIR=/run/user/54321 STORAGE_DRIVER=vfs "$@"
    )
}
export -f as_user
case $manager in
*-user)
    useradd --no-create-home --uid 54321 podman-user
    for file in subuid subgid; do echo podman-user:200000:65536 >"/etc/$file"; done
    mkdir -p /var/lib/podman-user /run/user/54321
    chown podman-user: /var/lib/podman-user /run/user/54321
    chmod 755 /var/lib
    ;;
esac
case $manager in
podman | podman-user)
    # What this machine does not permit: raising limits, and systemd's cgroups.
    mkdir -p /etc/containers/containers.conf.d
    cat >/etc/containers/containers.conf <<END
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    cat >/etc/containers/storage.conf <<END
[storage]
driver = "overlay"
graphroot = "/var/lib/containers/storage"
runroot = "/run/containers/storage"
END
    if [ "$manager" = podman ]; then
        image | podman import --quiet - docker.io/library/debian:latest >/dev/null
    else
        rm /etc/containers/storage.conf
        image | as_user podman import --quiet - docker.io/library/debian:latest >/dev/null
    fi
    ;;
docker)
    dockerd --iptables=false --bridge=none >"$share/e2e/out/dockerd" 2>&1 &
    until docker info >/dev/null 2>&1; do sleep 0.05; done
    image | docker import - debian >/dev/null
    ;;
containerd)
    containerd >"$share/e2e/out/containerd" 2>&1 &
    until ctr version >/dev/null 2>&1; do sleep 0.05; done
    # Its importer wants an image, so another manager makes one of the tree.
    mkdir -p "$box/image/blobs/sha256"
    "$(dirname "$0")/oci-image.sh" "$root" "$box/image" docker.io/library/debian:latest
    tar --create --directory "$box/image" . | ctr images import - >/dev/null
    ;;
runc | runc-user)
    for place in web one two; do
        mkdir -p "/srv/$place/rootfs" "$box/upper-$place" "$box/work-$place"
        mount -t overlay -o "lowerdir=$root,upperdir=$box/upper-$place,workdir=$box/work-$place" e2e "/srv/$place/rootfs"
        (
            cd "/srv/$place"
            runc spec
            # Docker's capabilities, and CAP_AUDIT_CONTROL; a root file system that can be written.
            capabilities=CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,SETGID,SETUID,SETPCAP,NET_BIND_SERVICE,SYS_CHROOT,SETFCAP
            capabilities=$capabilities,AUDIT_WRITE,AUDIT_CONTROL python3 - <<'END'
import json, os
with open("config.json") as file:
    config = json.load(file)
process = config["process"]
process.update(terminal=False, noNewPrivileges=False, args=["sleep", "98765"])
names = ["CAP_" + name for name in os.environ["capabilities"].split(",")]
for kind in ("bounding", "effective", "permitted"):
    process["capabilities"][kind] = names
process["capabilities"].pop("ambient", None)
config["root"]["readonly"] = False
config["mounts"].append({"destination": "/e2e", "type": "bind", "source": "/srv/e2e", "options": ["rbind", "rw"]})
with open("config.json", "w") as file:
    json.dump(config, file)
END
        )
    done
    ;;
launcher)
    for place in web build; do
        mkdir -p "/srv/$place" "$box/upper-$place" "$box/work-$place"
        mount -t overlay -o "lowerdir=$root,upperdir=$box/upper-$place,workdir=$box/work-$place" e2e "/srv/$place"
    done
    ;;
*) echo "manager-host.sh: unknown manager '$manager'" >&2 && exit 64 ;;
esac

cd /root
status=0
SHARE=$share bash -eu "$share/script" </dev/null || status=$?
echo "STEP script $status"
# The end of the last namespace is told a moment after the end of its last process.
for _ in $(seq 100); do
    [ "$(auditns list --json)" = "[]" ] && break
    sleep 0.05
done
auditns list --json | tr -d '\n' | sed 's/^/FACT left /'
echo
exit "$status"
