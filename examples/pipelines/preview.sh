#!/usr/bin/env bash
# Previews a stack and writes the comment of the review. Arguments go to `pulumi preview`.
#
# Exit codes: 0 it may go on, 1 violations or a failed preview, 2 no preview could be made. The
# comment is written in each case. common.sh lists the variables.
set -euo pipefail
# shellcheck source=examples/pipelines/common.sh
. "$(dirname "$0")/common.sh"

has_state() {
    [ -n "${PULUMI_BACKEND_URL:-}${PULUMI_ACCESS_TOKEN:-}" ] \
        || grep -q '"current": *"[^"]' "${PULUMI_HOME:-$HOME/.pulumi}/credentials.json" 2> /dev/null
}

name="serverless-mesh/${STACK##*/}"
# Where the folder outlives a run, whatever stops this one, the report of another is not taken for it.
rm -f "$report"
settings=()
if ! has_state; then
    echo "no state: previewing $STACK as if nothing were there yet" >&2
    mkdir "$work/state"
    export PULUMI_BACKEND_URL="file://$work/state" PULUMI_CONFIG_PASSPHRASE=of-an-empty-state
    # The salt and the secrets of the stack file belong to a passphrase that is not here.
    sed -E '/^(encryptionsalt|secretsprovider|encryptedkey):/d' "Pulumi.${STACK##*/}.yaml" \
        > "$work/stack.yaml"
    STACK=without-state
    trap 'rm -rf "$work" Pulumi.without-state.yaml' EXIT
    # Where that fails, so does the preview, and the comment says so.
    pulumi stack init "$STACK" --no-select --non-interactive >&2 || true
    settings=(--config-file "$work/stack.yaml")
fi

# The digest has what depends on what; only the log of the events has what the policy pack says.
code=0
PULUMI_DEBUG_COMMANDS=true pulumi preview --stack "$STACK" "${settings[@]}" "${with_pack[@]}" \
    --json --show-sames --event-log "$work/events.json" --non-interactive "$@" \
    > "$work/preview.json" || code=$?

files=("$work/preview.json")
[ -s "$work/events.json" ] && files+=("$work/events.json")
ends=0
serverless-mesh report "${files[@]}" --stack "$name" ${DRIFT:+--drift} \
    --output "$report" || ends=$?
[ "$ends" -ne 0 ] || [ "$code" -eq 0 ] || ends=1
exit "$ends"
