# Sourced by the scripts that run inside a container: every action is a named step with a time limit, its exit
# status goes to standard output as `STEP name status`, its output to /e2e/out/name.

out=${E2E_OUT:-/e2e/out}
mkdir -p "$out"
# Without one, where it is set and empty: functions cannot be limited, and whoever runs the whole limits the time.
limit=${limit-20}

# step NAME COMMAND [ARGUMENT...]
step() {
    local name=$1 status=0
    shift
    ${limit:+timeout --kill-after=2 "$limit"} "$@" >"$out/$name" 2>&1 </dev/null || status=$?
    echo "STEP $name $status"
}

# fact NAME VALUE: something that the harness wants to know
fact() {
    echo "FACT $1 $2"
}

# until_true SECONDS COMMAND...: polls until the command succeeds
until_true() {
    local tries=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ "$tries" -le 0 ]; then return 1; fi
        sleep 0.05
    done
}

# no_containers: podman has removed all, which it does after the command that has started one
no_containers() {
    [ -z "$(podman ps --all --quiet)" ]
}

# let_in USER: root may log in as that user by ssh, without a password
let_in() {
    local home=/home/$1/.ssh
    mkdir -p /root/.ssh "$home"
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    cp /root/.ssh/id_ed25519.pub "$home/authorized_keys"
    chown -R "$1": "$home"
    chmod -R go= "$home"
}
