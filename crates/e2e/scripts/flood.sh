#!/bin/bash
# flood.sh MARK COUNT SIZE: one writer as process 1's only child.
. "$(dirname "$0")/lib.sh"
python3 /e2e/scripts/flood.py "$1" "$2" "$3"
echo "STEP flood $?"
step status auditctl -s
