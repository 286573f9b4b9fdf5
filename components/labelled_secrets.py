"""Existing secrets, labelled so that net-istio sees them.

Documentation: "Improving net-istio memory usage by using secret filtering for Service Mesh".
"""

import pulumi
from pulumi_kubernetes.core import v1
from pulumi_kubernetes.meta.v1 import ObjectMetaPatchArgs
from pulumi_random import RandomUuid

from components.children import child_options
from components.names import CERTIFICATE_UID
from settings import Settings


class LabelledSecrets(pulumi.ComponentResource):
    """The label of each secret; nothing else of it is the stack's."""

    def __init__(
        self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("serverlessmesh:labelled_secrets:LabelledSecrets", name, None, opts)
        child = child_options(self, opts)
        for secret in settings.labelled_secrets:
            logical = f"{secret.namespace}-{secret.name}"
            uid = RandomUuid(f"{logical}-uid", opts=child)
            v1.SecretPatch(
                logical,
                metadata=ObjectMetaPatchArgs(
                    name=secret.name,
                    namespace=secret.namespace,
                    labels={CERTIFICATE_UID: uid.result},
                ),
                opts=child,
            )
        self.register_outputs({})
