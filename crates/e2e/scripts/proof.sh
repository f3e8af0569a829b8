# Sourced: what each container manager has to prove, by means of three functions that whoever sources this defines:
#
#   start NAME            starts a container that waits, with SHARE/e2e as /e2e; prints its namespace's name
#   execute NAME WORD...  runs a program in it
#   stop NAME             ends and removes it
#
# Everything is told as in lib.sh.
E2E_OUT=$SHARE/e2e/out limit=
. "$SHARE/e2e/scripts/lib.sh"

# listed NAME: whether there is a namespace of that name
listed() {
    auditns list --json | grep -qF "\"name\": \"$1\""
}

# served NAME: a runtime that hands its listener over itself does not wait until somebody serves it
served() {
    until_true 60 listed "$1"
}

# The process that serves.
serving() {
    local keeper
    keeper=$(pgrep -o -x auditns)
    pgrep -P "$keeper" -x auditns
}

# marks CONTAINER LOOP COUNT: so many marked records, each of which has to be acknowledged
marks() {
    execute "$1" bash -c "for n in \$(seq $3); do auditctl -m $2-\$n || exit 1; : >/e2e/out/began-$2; done"
}

proof() {
    fact namespace-one "$(start one)"
    fact namespace-two "$(start two)"
    auditns list --json >"$out/list"
    step battery execute one bash /e2e/scripts/pam.sh
    grep -E '^(STEP|FACT) ' "$out/battery" | sed 's/^\(STEP\|FACT\) /\1 pam-/' || true
    # An audit daemon inside, for what comes from now on.
    step daemon execute one bash -c "sed -i 's/^priority_boost.*/priority_boost = 0/' /etc/audit/auditd.conf; auditd && auditctl -s"
    step marks-one marks one early-one 20
    step marks-two marks two early-two 20
    step inside execute one bash -c 'until [ "$(grep -c early-one /var/log/audit/audit.log)" = 20 ]; do sleep 0.05; done; grep -c early-two /var/log/audit/audit.log; true'
    # The supervisor is killed while both write and somebody is executed.
    marks one late-one 200 >"$out/late-one" 2>&1 &
    local one=$!
    marks two late-two 200 >"$out/late-two" 2>&1 &
    local two=$! n killed=0
    # A runtime that hands its listener over itself does not survive a kill in that moment (docs/limits.md).
    until_true 20 test -e "$out/began-late-one" -a -e "$out/began-late-two"
    for n in 1 2 3; do
        sleep 0.2
        kill -9 "$(serving)" && killed=$((killed + 1))
        step "meanwhile-$n" execute two auditctl -m "meanwhile-$n"
    done
    fact killed "$killed"
    wait "$one" && echo 'STEP late-one 0' || echo "STEP late-one $?"
    wait "$two" && echo 'STEP late-two 0' || echo "STEP late-two $?"
    step daemon-stays execute one auditctl -s
    auditns list --json >"$out/list-late"
    auditns show --json --pid "$(pgrep -n -f 'sleep 98765')" >"$out/show" 2>&1 || true
    step stop-one stop one
    step stop-two stop two
}
