#!/bin/bash
# A namespace whose backlog limit is 0: audit is unavailable, and nobody is locked out by that.
. "$(dirname "$0")/lib.sh"

step useradd useradd --create-home --shell /bin/bash --uid 1000 alice
step su su alice -c true
step sudo sudo -u alice true
step message auditctl -m "to nobody"
step status auditctl -s
step limit auditctl -b 100
step message-again auditctl -m "to nobody either"
