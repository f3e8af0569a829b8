#!/bin/bash
# The short form of the batteries: does audit work here at all? One step a question, the answers in a few seconds.
. "$(dirname "$0")/lib.sh"
limit=20

sed -i "s/^priority_boost.*/priority_boost = 0/" /etc/audit/auditd.conf
useradd --create-home --shell /bin/bash --uid 1000 alice >/dev/null 2>&1
step status auditctl -s
step message auditctl -m "a message"

# auditd: registered and still there
auditd -n >"$out/auditd" 2>&1 &
auditd=$!
status=1
for _ in $(seq 150); do
    if ! kill -0 "$auditd" 2>/dev/null; then break; fi
    if auditctl -s 2>/dev/null | grep -qx "pid $auditd"; then
        status=0
        break
    fi
    sleep 0.1
done
echo "STEP auditd $status"
kill "$auditd" 2>/dev/null
wait "$auditd" 2>/dev/null

mkdir -p /run/sshd /root/.ssh /home/alice/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys
chown -R alice: /home/alice/.ssh
chmod -R go= /home/alice/.ssh
/usr/sbin/sshd -D -e -p 2222 >"$out/sshd" 2>&1 &
sshd=$!
until_true 10 bash -c ': </dev/tcp/127.0.0.1/2222'
step ssh ssh -tt -p 2222 -o StrictHostKeyChecking=accept-new -o BatchMode=yes alice@127.0.0.1 'cat /proc/self/loginuid; echo'
kill "$sshd"

printf '@reboot alice cat /proc/self/loginuid >/tmp/cron-alice; echo >>/tmp/cron-alice\n' >/etc/cron.d/e2e
cron -f &
cron=$!
step cron timeout 15 bash -c 'until [ "$(wc -l 2>/dev/null </tmp/cron-alice)" = 1 ]; do sleep 0.1; done; cat /tmp/cron-alice'
kill "$cron"
step su su alice -c true
