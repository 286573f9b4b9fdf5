"""Existing secrets, labelled so that net-istio sees them.

Documentation: "Improving net-istio memory usage by using secret filtering for Service Mesh".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
from pulumi_random import RandomUuid

from components.resources import Manifest, child_options, declare_patch
from mesh_policy.documented.kinds import SECRET, header
from mesh_policy.documented.names import CERTIFICATE_UID
from serverless_mesh.settings import LabelledSecret


def labelled(secret: LabelledSecret, labels: Mapping[str, Any]) -> Manifest:
    """Return the labels as the stack's share of a secret."""
    return {
        **header(SECRET),
        "metadata": {"name": secret.name, "namespace": secret.namespace, "labels": labels},
    }


class LabelledSecrets(pulumi.ComponentResource):
    """The label of each secret; nothing else of it is the stack's."""

    def __init__(
        self,
        name: str,
        secrets: Iterable[LabelledSecret],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("serverlessmesh:labelled_secrets:LabelledSecrets", name, None, opts)
        child = child_options(self, opts)
        # The plugin's outputs are the whole object, keys of others among them.
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["data", "stringData"])
        opts = pulumi.ResourceOptions.merge(child, hidden)
        for logical, secret in _logical_names(secrets).items():
            uid = RandomUuid(f"{logical}-uid", opts=child)
            manifest = labelled(secret, {CERTIFICATE_UID: uid.result})
            declare_patch(logical, manifest, opts)
        self.register_outputs({})


def _logical_names(secrets: Iterable[LabelledSecret]) -> dict[str, LabelledSecret]:
    """Return the secrets by their logical names, which two of them could share without the `/`."""
    short = {secret: f"{secret.namespace}-{secret.name}" for secret in secrets}
    times = Counter(short.values())
    return {
        name if times[name] == 1 else f"{secret.namespace}/{secret.name}": secret
        for secret, name in short.items()
    }
