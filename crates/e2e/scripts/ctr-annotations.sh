# What annotations ask for: granted, and refused with nothing left.
. "$SHARE/e2e/scripts/ctr-lib.sh"
step off run --rm --annotation io.auditns.off=true debian sh -c 'auditctl -s; true'
step named run --rm --annotation io.auditns.name=named --annotation io.auditns.backlog-limit=77 debian auditctl -s
step strict run --rm --annotation io.auditns.name=strict --annotation io.auditns.policy=strict debian auditctl -m strict-here
step refused-off run --rm --annotation io.auditns.off=maybe debian true
step refused-key run --rm --annotation io.auditns.color=red debian true
step refused-limit run --rm --annotation io.auditns.backlog-limit=-3 debian true
step refused-name run --rm --annotation io.auditns.name=a/b debian true
step refused-policy run --rm --annotation io.auditns.policy=none debian true
until_true 10 no_containers
fact containers "[$(podman ps --all --quiet)]"
step privileges run --rm --annotation io.auditns.name=privileges --security-opt no-new-privileges debian \
    sh -c 'auditctl -m no-new && su -c true && grep NoNewPrivs /proc/self/status'
