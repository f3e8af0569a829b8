# In place of runc; all arguments are runc's. crun: auditns-crun.
auditns-runc run --bundle BUNDLE NAME
auditns-runc exec NAME COMMAND

# Another runtime, or one that is elsewhere:
auditns runtime --runtime /opt/bin/runc -- run --bundle BUNDLE NAME
