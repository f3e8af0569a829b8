# Sourced by the scripts that boot systemd in a container on this host.

# prepare_boot SCRIPT VARIANT SHARE: has SCRIPT prepare the root file system in SHARE/box/merged, and run there as a service
# that powers the container off; see machine.sh
prepare_boot() {
    local script=$1 variant=$2 share=$3 merged=$3/box/merged
    local etc=$merged/etc/systemd
    echo e2e >"$merged/etc/hostname"
    "$share/e2e/scripts/$script" prepare "$variant" "$merged"
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
RuntimeMaxSec=${E2E_SECONDS:-120}
[Install]
WantedBy=multi-user.target
END
    mkdir -p "$etc/system/multi-user.target.wants" "$etc/system.conf.d"
    ln -s ../e2e.service "$etc/system/multi-user.target.wants/"
    printf '[Manager]\nDefaultTimeoutStartSec=90\nDefaultTimeoutStopSec=10\n' >"$etc/system.conf.d/e2e.conf"
}

# tell SHARE: what the script reported inside, to standard output; the end of the container's journal to SHARE/e2e/out/journal
tell() {
    if [ -s "$1/e2e/out/report" ]; then cat "$1/e2e/out/report"; fi
    journalctl --directory="$1/box/merged/var/log/journal" --no-pager --output=short-monotonic --lines=250 \
        >"$1/e2e/out/journal" 2>&1 || true
}

# unified SHARE: one unified hierarchy, whatever the host mounts; $group is a group of our own in it, which is not made yet
unified() {
    umount --recursive --lazy /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/auditns-e2e-$(basename "$1")
}

# remove_group: members are left only when the container had to be killed; they need a moment to go
remove_group() {
    if [ -e "$group/cgroup.kill" ]; then echo 1 >"$group/cgroup.kill"; fi
    for _ in $(seq 500); do
        if find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; then break; fi
        sleep 0.02
    done
}
