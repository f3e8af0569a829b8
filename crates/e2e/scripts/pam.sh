#!/bin/bash
# The programs that log people in and manage accounts, as a distribution ships them, each with its audit records.
# pam_loginuid is `required` in Debian's files for sshd, login and cron.
. /e2e/scripts/lib.sh

secret='correct horse 9'
limit=40
# As libaudit reads it.
own='dd if=/proc/self/loginuid iflag=nofollow status=none; echo'
fact loginuid-at-start "$(eval "$own")"
fact kernel-loginuid-at-start "$(cat /proc/self/loginuid)"
fact required "$(grep -lE '^session +required +pam_loginuid' /etc/pam.d/sshd /etc/pam.d/login /etc/pam.d/cron | wc -l)"

# --- accounts
step useradd useradd --create-home --shell /bin/bash --uid 1000 alice
step groupadd groupadd --gid 2000 staff2
step usermod usermod --append --groups staff2 alice
step chpasswd bash -c "echo 'alice:$secret' | chpasswd"
step passwd python3 /e2e/scripts/talk.py passwd alice -- 'New password:' "$secret" 'Retype new password:' "$secret"
step chage chage --maxdays 90 alice

# --- ssh by key, by password, by a wrong password, as an unknown user
mkdir -p /run/sshd
let_in alice
/usr/sbin/sshd -D -e -p 2222 -o MaxAuthTries=2 >"$out/sshd" 2>&1 &
sshd=$!
until_true 10 bash -c ': </dev/tcp/127.0.0.1/2222' || echo "STEP sshd-up 1"
remote=(ssh -p 2222 -o StrictHostKeyChecking=accept-new -o ConnectTimeout=10 -o NumberOfPasswordPrompts=1)
show="$own; dd if=/proc/self/sessionid iflag=nofollow status=none; echo; id -un"
printf '#!/bin/sh\necho "%s"\n' "$secret" >/tmp/right
printf '#!/bin/sh\necho wrong\n' >/tmp/wrong
chmod 755 /tmp/right /tmp/wrong
step ssh-key "${remote[@]}" alice@127.0.0.1 "$show"
step ssh-password env SSH_ASKPASS=/tmp/right SSH_ASKPASS_REQUIRE=force \
    "${remote[@]}" -o PubkeyAuthentication=no alice@127.0.0.1 "$show"
step ssh-wrong env SSH_ASKPASS=/tmp/wrong SSH_ASKPASS_REQUIRE=force \
    "${remote[@]}" -o PubkeyAuthentication=no alice@127.0.0.1 true
step ssh-unknown env SSH_ASKPASS=/tmp/wrong SSH_ASKPASS_REQUIRE=force \
    "${remote[@]}" -o PubkeyAuthentication=no nobody-here@127.0.0.1 true
step ssh-terminal python3 /e2e/scripts/talk.py "${remote[@]}" -tt alice@127.0.0.1 -- '$ ' "$own; tty; exit 7"

# --- login on a terminal
step login python3 /e2e/scripts/talk.py login -- \
    'login: ' alice 'Password: ' "$secret" '$ ' "$own; tty" '/dev/pts/' 'exit 5'
step login-wrong python3 /e2e/scripts/talk.py timeout 25 login -- 'login: ' alice 'Password: ' wrong 'login: ' "$(printf '\003')"

# --- su, sudo
step su su alice -c 'id -u; exit 6'
step su-login su - alice -c 'id -u'
step su-wrong python3 /e2e/scripts/talk.py su alice -c 'su -c id' -- 'Password: ' wrong
echo 'alice ALL=(root) NOPASSWD: /usr/bin/id' >/etc/sudoers.d/alice
chmod 440 /etc/sudoers.d/alice
step sudo "${remote[@]}" alice@127.0.0.1 'sudo -n id -u'
step sudo-refused "${remote[@]}" alice@127.0.0.1 'sudo -n /usr/bin/whoami'
step sudo-root sudo -u alice id -u
kill "$sshd"
wait "$sshd" 2>/dev/null

# --- cron: a job at its start takes the same way through PAM as one at a minute's start, without the wait
# Nothing else is due now.
: >/etc/crontab
rm -f /etc/cron.d/*
printf '@reboot alice (%s; id -un) >/tmp/cron-alice\n' "$own" >/etc/cron.d/e2e
chmod 644 /etc/cron.d/e2e
cron -f &
cron=$!
step cron timeout 15 bash -c 'until [ "$(wc -l 2>/dev/null </tmp/cron-alice)" = 2 ]; do sleep 0.1; done; cat /tmp/cron-alice'
# The job ends its session before it is gone.
until_true 10 bash -c "! pgrep -P $cron" || true
kill "$cron"
wait "$cron" 2>/dev/null

# --- and away
step groupdel groupdel staff2
step userdel userdel --remove alice
fact loginuid-at-end "$(eval "$own")"
fact kernel-loginuid-at-end "$(cat /proc/self/loginuid)"
