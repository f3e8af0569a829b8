# One container:
auditns run --name NAME -- systemd-nspawn --boot --directory DIRECTORY \
    --private-users=pick --capability=CAP_AUDIT_WRITE,CAP_AUDIT_CONTROL

# All containers that machinectl starts: systemctl edit systemd-nspawn@.service
#[Service]
#ExecStart=
#ExecStart=/usr/bin/auditns run --name %i -- systemd-nspawn --quiet --keep-unit --boot --link-journal=try-guest \
#    --network-veth -U --settings=override --machine=%i --capability=CAP_AUDIT_WRITE,CAP_AUDIT_CONTROL
