"""The other seam between mesh and Serverless: what makes the mesh inject a sidecar into a pod."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Injection:
    """What the pods of Serverless carry so that the mesh gives them a sidecar.

    `project_labels` are what a project is labelled with so that its pods need no more.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    project_labels: Mapping[str, str] = field(default_factory=dict)
