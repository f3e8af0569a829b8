# A container that systemd boots, with an audit daemon as a service.
. "$SHARE/e2e/scripts/ctr-lib.sh"
step start run --detach --name web --annotation io.auditns.name=web --systemd=always debian \
    sh -c "sed -i 's/^priority_boost.*/priority_boost = 0/' /etc/audit/auditd.conf; exec /sbin/init"
step booted until_true 80 sh -c "podman exec web systemctl is-system-running | grep -qx running"
step failed podman exec web systemctl --failed --no-legend
step active podman exec web systemctl is-active auditd cron ssh systemd-journald
step status podman exec web auditctl -s
step message podman exec web auditctl -m hello
step in-its-log podman exec web sh -c 'until grep -q hello /var/log/audit/audit.log; do sleep 0.05; done'
step stop podman stop --time 60 web
# podman may find something busy of a container that it has removed.
step end sh -c 'podman rm --force --time 0 web || ! podman container exists web'
