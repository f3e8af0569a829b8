# The policy first: auditns profile lxc --output /etc/lxc/auditns.seccomp
incus config set NAME raw.lxc 'lxc.seccomp.notify.proxy = unix:/run/auditns/lxc.sock'
incus config set NAME raw.seccomp - < /etc/lxc/auditns.seccomp
