# What the scripts of all pipelines share; they source it in the project's folder.
#
#   STACK               the stack (required), as in Pulumi.<stack>.yaml
#   KUBECONFIG          a kubeconfig; or KUBECONFIG_CONTENT, what is in one. Without either, the
#                       preview does without the cluster
#   OBSERVE             required, best-effort or off: whether the policy pack reads the cluster.
#                       Default: required with a kubeconfig, off without
#   PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN
#                       where the state is. Without either, a preview compares with an empty state
#   POLICY_PACK         default: policy
#   REPORT              where the comment is written; default: report.md

: "${STACK:?names no stack: set it to the one of Pulumi.<stack>.yaml}"
pack="${POLICY_PACK:-policy}"
report="${REPORT:-report.md}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if [ -n "${KUBECONFIG_CONTENT:-}" ]; then
    # Written by the shell itself, so that it shows in no list of processes.
    printf '%s\n' "$KUBECONFIG_CONTENT" > "$work/kubeconfig"
    export KUBECONFIG="$work/kubeconfig"
fi
unset KUBECONFIG_CONTENT
observe="${OBSERVE:-$([ -n "${KUBECONFIG:-}" ] && echo required || echo off)}"
printf '{"observed-cluster": {"enforcementLevel": "mandatory", "observe": "%s"}}\n' "$observe" \
    > "$work/pack.json"
with_pack=(--policy-pack "$pack" --policy-pack-config "$work/pack.json")
