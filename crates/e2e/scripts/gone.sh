#!/bin/bash
# See gone.py. The message at the end has been answered when the script ends, so everything before it has arrived.
. "$(dirname "$0")/lib.sh"
python3 /e2e/scripts/gone.py "$1"
step message auditctl -m "mark=last"
