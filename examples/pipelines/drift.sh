#!/usr/bin/env bash
# Looks whether the cluster is still as the stack left it, and writes what differs.
#
# Exit codes: 0 it is, 1 it is not, or the preview failed, 2 no preview could be made.
set -euo pipefail
# It needs the cluster: that it can't be read must not pass for a choice.
export OBSERVE="${OBSERVE:-required}"
DRIFT=yes exec "$(dirname "$0")/preview.sh" --refresh --expect-no-changes
