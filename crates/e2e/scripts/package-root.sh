#!/bin/bash
# The Debian package in a root file system without a service manager: installed, used, upgraded, removed, purged.
. /e2e/scripts/lib.sh

# comes STEP SECONDS COMMAND...: whether the command succeeds in time
comes() {
    local name=$1 status=0
    shift
    until_true "$@" || status=1
    echo "STEP $name $status"
}

# The root file system leaves documents out; the package is to be seen as it is.
rm -f /etc/dpkg/dpkg.cfg.d/*
find / -xdev -path /e2e -prune -o -path /tmp -prune -o -path /run -prune -o -print | sort >/tmp/before

step install dpkg -i /e2e/old.deb
step files dpkg -L auditns
step verify dpkg --verify auditns
step version auditns --version
step defaults auditns supervise --check --config /nonexistent.toml
step policy auditns supervise --check
step enabled test -L /etc/systemd/system/multi-user.target.wants/auditns.service

# Without a service manager the program is its own keeper.
auditns supervise >"$out/supervisor" 2>&1 &
keeper=$!
comes serves 10 auditns list
step member auditns run --name first -- auditctl -m first-mark
step logged grep -c first-mark /var/log/auditns/first/audit.log
auditns run --name sends -- python3 /e2e/scripts/sends.py sends "$out/sends" >"$out/sender" 2>&1 &
sender=$!
until_true 10 grep -q 'sent=[1-9][0-9]' "$out/sends"

printf '\n# changed\n' >>/etc/auditns/auditns.toml
step upgrade dpkg -i --force-confdef --force-confold /e2e/new.deb
step changed grep -x '# changed' /etc/auditns/auditns.toml
step new-version auditns --version
kill -USR2 "$keeper"
comes replaced 10 bash -c "! ls -l /proc/$keeper/exe | grep -q deleted && auditns list"
# A keeper that is replaced while the policy has an error must not let go of what it keeps.
cp /etc/auditns/auditns.toml /tmp/policy
echo 'defaults = [' >/etc/auditns/auditns.toml
kill -USR2 "$keeper"
comes said-wrong 10 grep -q 'waits until the policy is mended' "$out/supervisor"
cp /tmp/policy /etc/auditns/auditns.toml
comes mended 20 auditns list
before=$(sed 's/sent=\([0-9]*\).*/\1/' "$out/sends")
comes goes-on 10 bash -c "[ \$(sed 's/sent=\([0-9]*\).*/\1/' $out/sends) -gt $((before + 20)) ]"
touch "$out/sends.stop"
wait "$sender"
fact sends "$(cat "$out/sends")"
fact logged "$(cat /var/log/auditns/sends/audit.log* | grep -o 'mark=sends-[0-9]*' | sort -u | wc -l)"
kill "$keeper"
wait "$keeper"
fact keeper $?

step remove dpkg -r auditns
step kept test -e /etc/auditns/auditns.toml -a -d /var/log/auditns
step purge dpkg -P auditns
find / -xdev -path /e2e -prune -o -path /tmp -prune -o -path /run -prune -o -print | sort >/tmp/after
diff /tmp/before /tmp/after | grep '^[<>]' | grep -v -e /var/lib/dpkg -e /var/log/dpkg -e /var/cache -e /var/log/alternatives -e __pycache__ \
    >"$out/left"
