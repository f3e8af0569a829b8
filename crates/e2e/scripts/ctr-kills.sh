# Containers are started by three at once while the supervisor is killed again and again.
. "$SHARE/e2e/scripts/ctr-lib.sh"
keeper=$(pgrep -o -x auditns)
some() {
    local number
    for number in 1 2 3 4; do
        step "start-$1-$number" run --rm --annotation "io.auditns.name=k$1-$number" debian auditctl -m "said-$1-$number"
    done
}
starters=()
for starter in 1 2 3; do
    some "$starter" &
    starters+=("$!")
done
killed=0
while kill -0 "${starters[@]}" 2>/dev/null; do
    # One that is killed before it serves is started again later and later.
    until auditns list >/dev/null 2>&1 || ! kill -0 "${starters[@]}" 2>/dev/null; do sleep 0.02; done
    sleep 0.25
    pkill -9 -P "$keeper" -x auditns && killed=$((killed + 1))
done
wait "${starters[@]}"
fact killed "$killed"
until_true 10 no_containers
fact containers "[$(podman ps --all --quiet)]"
