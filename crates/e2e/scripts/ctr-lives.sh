# A container that is started again, one that is paused, two in a pod, and who can be executed.
. "$SHARE/e2e/scripts/ctr-lib.sh"

# wait_in NAME: a container that waits
wait_in() {
    local name=$1
    shift
    run --detach --name "$name" --annotation io.auditns.name="$name" "$@" debian sleep 98765
}
step again wait_in again
step again-first podman exec again auditctl -m first
step again-restart podman restart --time 0 again
step again-second podman exec again auditctl -m second
step again-kill podman kill again
step again-start podman start again
step again-third podman exec again auditctl -m third
step paused wait_in paused
step paused-pause podman pause paused
step paused-exec podman exec paused auditctl -m not-yet
step paused-unpause podman unpause paused
step paused-then podman exec paused auditctl -m then
step pod podman --runtime auditns pod create --name pod --network none --share pid,ipc,net \
    --infra-image debian --infra-command 'sleep 98765'
step pod-one wait_in pod-one --pod pod
step pod-two wait_in pod-two --pod pod
step pod-one-says podman exec pod-one auditctl -m from-one
step pod-two-says podman exec pod-two auditctl -m from-two
step others wait_in others
step others-nobody podman exec --user nobody others su -c true
step others-privileged podman exec --privileged others auditctl -m privileged
step others-terminal podman exec --tty others auditctl -m terminal
step others-detached podman exec --detach others auditctl -m detached
step others-said until_true 20 grep -q text=detached /var/log/auditns/others/audit.log
step host-pids wait_in host-pids --pid=host
step host-pids-says podman exec host-pids auditctl -m host-pids
auditns list --json >"$out/list"
# podman may find something busy of a container that it has removed.
step end sh -c 'podman rm --all --force --time 0 || [ -z "$(podman ps --all --quiet)" ]'
