"""Which test runs what the documents show.

A command counts as run where a page below is run, and wherever else the same words are shown. What
is neither is listed here: by the test that does the same, or with the reason for which nothing here
can run it.
"""

from typing import Final

RUN: Final = (
    "docs/guides/least-rights.md",
    "docs/guides/first-integration.md",
    "docs/guides/policy-gate.md",
    "docs/guides/certificates.md",
    "docs/guides/upgrade.md",
    "docs/guides/uninstall.md",
    "docs/guides/existing-mesh.md",
)
"""The pages whose commands are run, on one cluster: each goes on where the one before has ended."""

RUN_HERE: Final = "docs/local-environment.md"
"""The page whose commands are run in the checkout itself, by test_local_environment.py."""

_FETCHES: Final = "fetches packages; `make setup` installs by the same options"
_NO_CONTAINERS: Final = "takes a container engine; tests/unit/test_containerfile.py has the recipe"
_RENDER: Final = "tests/unit/test_render.py"
_IS_THIS: Final = "runs this very test"
_VERIFICATION: Final = "tests/e2e/mesh/test_mesh_verification.py"
_CHECK: Final = "tests/unit/test_check_command.py"
_FAULTS: Final = "tests/e2e/test_faults.py"
_ENVIRONMENTS: Final = "tests/e2e/test_environments_guide.py::test_from_an_example_to_a_stack"
_GRAPH: Final = "tests/unit/test_graph.py"
_DRAWN_LIVE: Final = "tests/e2e/test_observer_rights.py"

ELSEWHERE: Final = {
    'serverless-mesh verify "$(pulumi stack output verificationUrl)" --ca root.crt': (
        f"{_VERIFICATION}::test_every_link_holds"
    ),
    "curl --cacert .toolchain/root.crt --connect-to ::127.0.0.1:39027 "
    "https://hello-default.apps.openshift.example.com": (
        "tests/e2e/mesh/test_mesh_certificate.py::test_the_pages_own_curl_answers"
    ),
    ".venv/bin/serverless-mesh verify https://hello-default.apps.openshift.example.com "
    "--ca .toolchain/root.crt --connect 127.0.0.1:39027 --body 'Hello Openshift!'": (
        f"{_VERIFICATION}::test_the_command_of_make_verify_has_three_ends"
    ),
    "serverless-mesh check -f must-gather.local.1/ --complete": (
        "tests/unit/test_check_dumps.py::test_a_good_must_gather_is_exit_code_0"
    ),
    "kustomize build overlays/production | serverless-mesh check -f -": (
        f"{_CHECK}::test_several_files_and_standard_input_are_one_world"
    ),
    "helm template chart | serverless-mesh check -f -": (
        f"{_CHECK}::test_several_files_and_standard_input_are_one_world"
    ),
    "serverless-mesh check -f gateways.yaml -f manifests/": (
        f"{_CHECK}::test_several_files_and_standard_input_are_one_world"
    ),
    "serverless-mesh graph --context production --output production.svg": (
        f"{_DRAWN_LIVE}::test_the_observer_sees_all_that_is_drawn"
    ),
    "serverless-mesh graph -f manifests/ --context production --output after.svg": (
        f"{_DRAWN_LIVE}::test_files_are_drawn_over_the_cluster_with_what_they_would_do_to_it"
    ),
    "serverless-mesh graph -f manifests/ --output manifests.svg": (
        f"{_GRAPH}::test_the_command_draws_files_whatever_is_found"
    ),
    "serverless-mesh graph -f manifests/ > integration.mmd": (
        f"{_GRAPH}::test_the_command_draws_files_whatever_is_found"
    ),
    "kustomize build overlays/production | serverless-mesh graph -f - --output after.svg": (
        f"{_GRAPH}::test_the_command_draws_files_whatever_is_found"
    ),
    "serverless-mesh graph -f must-gather.local.1/ --complete --output cluster.svg": (
        f"{_GRAPH}::test_a_dump_is_drawn_as_a_whole_cluster_with_what_it_lacks"
    ),
    "serverless-mesh check --kubeconfig file": (
        "tests/e2e/test_policy_doors.py::test_a_check_of_the_live_cluster_finds_it"
    ),
    "pulumi import --generate-code=false kubernetes:operator.knative.dev/v1beta1:KnativeServing "
    "knative-serving knative-serving/knative-serving": (
        f"{_FAULTS}::test_what_another_team_made_is_not_overwritten"
    ),
    **dict.fromkeys(
        (
            "export PULUMI_BACKEND_URL=file://$HOME/serverless-mesh-state",
            "export PULUMI_CONFIG_PASSPHRASE_FILE=$HOME/serverless-mesh-passphrase",
            "mkdir -p ~/serverless-mesh-state",
            "cp examples/Pulumi.own-ca-and-kafka.yaml Pulumi.production.yaml",
            "pulumi config set --path serverless-mesh:certificate.caCertificate < ca.crt",
            "pulumi config set --secret serverless-mesh:privateKey < ca.key",
        ),
        _ENVIRONMENTS,
    ),
    "serverless-mesh config new --context production --output Pulumi.production.yaml": (
        "tests/e2e/test_new_stack_file.py::test_from_a_cluster_to_a_stack_and_back"
    ),
    **dict.fromkeys(
        ("pipx install .", "pipx install serverless_mesh-0.1.0-py3-none-any.whl"),
        "tests/unit/test_wheel.py::test_the_wheel_is_installed_as_pipx_does_it",
    ),
    **dict.fromkeys(
        (
            "serverless-mesh import settings --context production > Pulumi.production.yaml",
            "serverless-mesh import objects --stack production > import.json",
            "serverless-mesh import objects > import.json",
            "pulumi import --file import.json --generate-code=false --protect=false",
            "serverless-mesh import differences --stack production",
            "serverless-mesh import differences",
            "kubectl apply --server-side --field-manager=platform-team -f keep.yaml",
            "pulumi refresh",
            "pulumi stack rm --force production",
        ),
        "tests/e2e/test_import.py::test_what_was_made_by_hand_becomes_the_stacks",
    ),
    **dict.fromkeys(
        (
            "pulumi preview --json --show-sames > preview.json",
            "serverless-mesh render preview.json --to clusters/production",
            "serverless-mesh render preview.json --to clusters/production --for flux",
            "serverless-mesh check -f clusters/production",
        ),
        "tests/e2e/test_render.py::test_the_commands_of_the_guide_do_what_it_says",
    ),
    "serverless-mesh render preview.json --to clusters/production --check": (
        f"{_RENDER}::test_check_tells_what_is_not_up_to_date_and_writes_nothing"
    ),
    "serverless-mesh render preview.json --to clusters/production "
    "--secrets external-secrets --store corporate-vault": (
        f"{_RENDER}::test_a_reference_to_a_store_stands_where_the_secret_does"
    ),
    "STACK=staging examples/pipelines/preview.sh": (
        "tests/e2e/test_pipelines.py::test_a_pull_request_from_preview_to_merge_and_drift"
    ),
    "serverless-mesh report preview.json events.json --output report.md": (
        "tests/unit/test_report.py::test_the_command_ends_by_what_the_preview_allows"
    ),
    "pulumi cancel --yes": f"{_FAULTS}::test_a_killed_engine",
    "pulumi refresh --clear-pending-creates": f"{_FAULTS}::test_a_killed_engine",
}
"""Commands that another test runs, by its id: the same, but for names and places."""

NOT_RUN: Final = {
    "python3 -m venv .venv": "the tests' own environment stands there, made by `make setup`",
    "pip install --require-hashes --only-binary :all: -r requirements.txt": _FETCHES,
    "pip install --no-index --no-deps --no-build-isolation .": (
        "would change the environment that the tests run in; tests/unit/test_wheel.py builds it"
    ),
    "podman build -t serverless-mesh .": _NO_CONTAINERS,
    'podman run --rm -v "$PWD:/work:ro,Z" serverless-mesh check --file manifests/': _NO_CONTAINERS,
    "kubectl create secret tls wildcard-certs --namespace istio-system --cert wildcard.crt "
    "--key wildcard.key --dry-run=client -o yaml | kubeseal -o yaml > "
    "clusters/production/sealed.yaml": (
        "needs the controller of Sealed Secrets, which alone has the certificate to seal with"
    ),
    "make test": _IS_THIS,
    "make test-fast": _IS_THIS,
    "make lint": "changes nothing and proves nothing of a document; `.ci/run` runs it",
    "make format": "would change the sources",
}
"""Commands that nothing here runs, with the reason."""
