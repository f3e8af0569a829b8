# Sourced by what hosts of container managers run, after lib.sh.
E2E_OUT=$SHARE/e2e/out limit=
. "$SHARE/e2e/scripts/lib.sh"

# run OPTION... IMAGE COMMAND...: podman, without a network, with the capabilities for audit
run() {
    podman --runtime "${runtime:-auditns}" run --network=none --cap-add AUDIT_WRITE,AUDIT_CONTROL "$@"
}

# The end of all supervisors and of what keeps them.
no_supervisor() {
    pkill -x auditns
    while pgrep -x auditns >/dev/null; do sleep 0.02; done
}

# A supervisor that answers again, so that the host can be looked at afterwards.
supervisor_again() {
    auditns supervise 2>/dev/null &
    until auditns list >/dev/null 2>&1; do sleep 0.02; done
}
