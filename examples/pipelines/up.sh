#!/usr/bin/env bash
# Updates a stack; its own preview is made first, and the policy pack stops what a rule forbids.
set -euo pipefail
# It needs the cluster: that it can't be read must not pass for a choice.
export OBSERVE="${OBSERVE:-required}"
# shellcheck source=examples/pipelines/common.sh
. "$(dirname "$0")/common.sh"

pulumi up --yes --stack "$STACK" "${with_pack[@]}" --non-interactive "$@"
