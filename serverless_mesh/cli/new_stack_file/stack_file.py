"""The whole stack file for what was found: a pure function."""

from collections.abc import Iterator
from typing import Final

from serverless_mesh.cli.new_stack_file import (
    certificate_section,
    knative_sections,
    mesh_section,
)
from serverless_mesh.cli.new_stack_file.found import Found
from serverless_mesh.cli.new_stack_file.mesh_choice import Choices, Chosen
from serverless_mesh.cli.stack_file_text import Setting, written

_ABOUT: Final = (
    "Written by `serverless-mesh config new` from what the cluster has. Look at each comment, "
    "above all at those that begin with TO; docs/configuration.md has every setting."
)


def stack_file(found: Found, chosen: Chosen, choices: Choices) -> str:
    """Return the text of the stack file.

    Raises:
        OpenChoiceError: what was chosen is not there.
    """
    settings = list(_settings(found, chosen, choices))
    return written(_ABOUT, list(remarks(found, chosen)), settings)


def remarks(found: Found, chosen: Chosen) -> Iterator[str]:
    """Say what there is to look at, a sentence or two each."""
    yield from mesh_section.remarks(found, chosen)
    yield from certificate_section.remarks(found, chosen)
    yield from knative_sections.remarks(found, chosen)
    for why in sorted(found.seen.unread.values()):
        yield f"Not read, and taken for not there: {why}."


def _settings(found: Found, chosen: Chosen, choices: Choices) -> Iterator[Setting]:
    if found.kubeconfig:
        yield Setting("kubernetes:kubeconfig", found.kubeconfig, "The kubeconfig of this machine.")
    if found.context:
        pinned = "The cluster that was read: an update goes to no other one."
        yield Setting("kubernetes:context", found.context, pinned)
    if found.apps_domain:
        yield Setting(
            "appsDomain",
            found.apps_domain,
            "The domain of the cluster's applications. It need not be here, but with it an update "
            "of another cluster is refused.",
        )
    else:
        yield Setting(
            "appsDomain",
            "apps.openshift.example.com",
            "TO SET: the domain of the applications, which the cluster does not say.",
            active=False,
        )
    yield from knative_sections.operators(found, chosen)
    yield knative_sections.projects(found, chosen)
    yield mesh_section.setting(found, chosen)
    yield certificate_section.setting(found, chosen, choices)
    yield from knative_sections.knative(found)
    yield from knative_sections.kafka(found)
    yield knative_sections.verification()
