#!/bin/bash
# Programs that live on sockets, beside clients of audit: apt over http, git over its own protocol and over ssh, ssh,
# scp and sftp. Everything goes over the loopback interface, the only one of the container.
. /e2e/scripts/lib.sh

# --- a package and its repository; what the root file system was made from is out of reach
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apt/apt.conf.d/99mmdebstrap
mkdir -p /tmp/package/DEBIAN /tmp/package/usr/share/e2e-greeting /srv/apt
cat >/tmp/package/DEBIAN/control <<end
Package: e2e-greeting
Version: 1.0
Architecture: all
Maintainer: auditns <auditns@localhost>
Description: a file
end
echo hello >/tmp/package/usr/share/e2e-greeting/greeting
dpkg-deb --root-owner-group --build /tmp/package /srv/apt/e2e-greeting.deb >"$out/build" 2>&1
cd /srv/apt
{
    cat /tmp/package/DEBIAN/control
    echo "Filename: ./e2e-greeting.deb"
    echo "Size: $(stat -c %s e2e-greeting.deb)"
    echo "SHA256: $(sha256sum <e2e-greeting.deb | cut -d' ' -f1)"
} >Packages
{
    echo "Date: $(date -Ru)"
    echo "SHA256:"
    echo " $(sha256sum <Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages"
} >Release
cd /
echo 'deb [trusted=yes] http://localhost:8000 ./' >/etc/apt/sources.list
python3 -m http.server --bind 127.0.0.1 --directory /srv/apt 8000 >"$out/http" 2>&1 &
http=$!

# --- servers of git and ssh
mkdir -p /srv/git
export GIT_AUTHOR_NAME=e2e GIT_AUTHOR_EMAIL=e2e@localhost GIT_COMMITTER_NAME=e2e GIT_COMMITTER_EMAIL=e2e@localhost
git init --quiet --bare --initial-branch=main /srv/git/project
git daemon --listen=127.0.0.1 --base-path=/srv/git --export-all --enable=receive-pack /srv/git >"$out/git" 2>&1 &
git=$!
mkdir -p /run/sshd /root/.ssh
step useradd useradd --create-home --shell /bin/bash --uid 1000 alice
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
install -d -o alice -g alice -m 700 /home/alice/.ssh
install -o alice -g alice -m 600 /root/.ssh/id_ed25519.pub /home/alice/.ssh/authorized_keys
printf 'Host localhost\nUser alice\nPort 2222\nStrictHostKeyChecking accept-new\n' >/root/.ssh/config
/usr/sbin/sshd -D -e -p 2222 >"$out/sshd" 2>&1 &
sshd=$!
for port in 8000 9418 2222; do
    until_true 10 bash -c ": </dev/tcp/127.0.0.1/$port" || echo "STEP server-$port 1"
done

step apt-update apt-get update
step apt-install apt-get install --yes e2e-greeting
step apt-installed grep hello /usr/share/e2e-greeting/greeting

cd /tmp
step git-clone git clone git://localhost/project one
step git-commit git -C one commit --allow-empty --message first
step git-push git -C one push origin HEAD:main
step git-clone-again git clone git://localhost/project two
step git-commit-more git -C one commit --allow-empty --message second
step git-push-more git -C one push origin HEAD:main
step git-pull git -C two pull --ff-only
step git-log git -C two log --oneline

step ssh ssh localhost 'cat /proc/self/loginuid; echo; id -un'
step scp scp /srv/apt/e2e-greeting.deb localhost:copy
step sftp sftp -b - localhost:copy /tmp/copy
step copied cmp /srv/apt/e2e-greeting.deb /tmp/copy
step ssh-init ssh localhost git init --quiet --bare --initial-branch=main project
step ssh-push git -C two push ssh://localhost/home/alice/project HEAD:main
step ssh-clone git clone ssh://localhost/home/alice/project three

# --- clients of audit: their sockets are those whose calls are stopped
step auditctl auditctl -s
cat >/tmp/client.py <<'end'
import socket

audit = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
for netlink in audit, route:
    netlink.bind((0, 0))
    netlink.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
print(audit.getsockname() == route.getsockname(), audit.getpeername() == route.getpeername())
end
step client python3 /tmp/client.py

kill "$http" "$git" "$sshd"
wait
