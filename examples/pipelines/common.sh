# What the scripts of all pipelines share; they source it in the project's folder.
#
#   STACK               the stack (required), as in Pulumi.<stack>.yaml
#   KUBECONFIG          a kubeconfig; or KUBECONFIG_CONTENT, what is in one. Without either, one of
#                       the stack file and the user's own, a preview does without the cluster
#   OBSERVE             required, best-effort or off: whether the policy pack reads the cluster.
#                       Default of a preview: required with a kubeconfig, off without
#   PULUMI_BACKEND_URL, PULUMI_ACCESS_TOKEN
#                       where the state is. Without either, and where nobody has run
#                       `pulumi login`, a preview compares with an empty state
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

has_cluster() {
    [ -n "${KUBECONFIG:-}" ] || [ -f "$HOME/.kube/config" ] \
        || grep -q '^ *kubernetes:kubeconfig:' "Pulumi.${STACK##*/}.yaml"
}
observe="${OBSERVE:-$(has_cluster && echo required || echo off)}"
printf '{"observed-cluster": {"enforcementLevel": "mandatory", "observe": "%s"}}\n' "$observe" \
    > "$work/pack.json"
with_pack=(--policy-pack "$pack" --policy-pack-config "$work/pack.json")
