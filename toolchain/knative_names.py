"""How Serving names a Knative Service for clients outside of the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_TEMPLATE: Final = "{{.Name}}-{{.Namespace}}.{{.Domain}}"
"""The Serverless operator's; Knative's own has two labels."""


@dataclass(frozen=True)
class Naming:
    """The domain of Knative Services, and the template of their hosts."""

    domain: str
    template: str = _TEMPLATE

    @classmethod
    def of(
        cls, domains: Mapping[str, Any], network: Mapping[str, Any], applications: str
    ) -> "Naming":
        """Read config-domain and config-network; without a domain it is that of applications."""
        general = (name for name, selector in domains.items() if not selector.strip())
        return cls(min(general, default=applications), network.get("domain-template", _TEMPLATE))

    def host(self, service: str, namespace: str) -> str:
        """Return the host of a Knative Service."""
        found = self.template
        for field, value in (("Name", service), ("Namespace", namespace), ("Domain", self.domain)):
            found = found.replace("{{." + field + "}}", value)
        return found
