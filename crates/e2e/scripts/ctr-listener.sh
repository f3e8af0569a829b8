# What a profile with a listener cannot ask for: containers are started all the same, and find no audit.
. "$SHARE/e2e/scripts/ctr-lib.sh"
auditns profile podman --mechanism listener >/root/profile.json 2>/dev/null
runtime=crun
asks() {
    run --rm --security-opt seccomp=/root/profile.json --annotation "$1" debian sh -c 'auditctl -s; su -c true'
}
step limit asks io.auditns.backlog-limit=77
step off asks io.auditns.off=true
step unknown asks io.auditns.color=red
for runtime in runc crun; do
    no_supervisor
    step "absent-$runtime" run --rm --security-opt seccomp=/root/profile.json debian true
    supervisor_again
done
until_true 10 no_containers
fact containers "[$(podman ps --all --quiet)]"
