"""The commands that the guides show, run in their order as a reader would run them."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from kubernetes.dynamic import DynamicClient

from tests.docs.claims import ELSEWHERE, NOT_RUN, RUN
from tests.docs.workshop import Workshop
from tests.policy.cases import certificate, private_key, private_pem
from toolchain.cluster import Cluster

pytestmark = pytest.mark.e2e

MESH_OF_OTHERS: Any = {
    "apiVersion": "maistra.io/v2",
    "kind": "ServiceMeshControlPlane",
    "metadata": {"name": "basic", "namespace": "istio-system"},
    "spec": {"profiles": ["default"]},
}


@pytest.fixture(scope="module")
def workshop(own: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop.open(tmp_path_factory.mktemp("reader"), own)


def certificates(workshop: Workshop, own: Cluster) -> None:
    """Give the reader an authority and a certificate of its own."""
    root, leaf = private_key("root", 2048, False), private_key("leaf", 2048, False)
    authority = certificate("root", root, "root", root, [], (-1, 3650), "authority")
    names = ["*.apps.openshift.example.com"]
    wildcard = certificate("leaf", leaf, "root", root, names, (-1, 90), "server")
    files = {
        "authority.crt": authority,
        "authority.key": private_pem(root),
        "wildcard.crt": wildcard + authority,
        "wildcard.key": private_pem(leaf),
    }
    for name, text in files.items():
        (workshop.folder / name).write_text(text, "utf-8")


def mesh_of_others(workshop: Workshop, own: Cluster) -> None:
    """Let another team have a control plane."""
    with own.client() as api:
        kind: Any = DynamicClient(api).resources.get(
            api_version=MESH_OF_OTHERS["apiVersion"], kind=MESH_OF_OTHERS["kind"]
        )
        kind.create(body=MESH_OF_OTHERS, namespace="istio-system", field_manager="mesh-team")


PREPARED: Final[dict[str, Callable[[Workshop, Cluster], None]]] = {
    "docs/guides/certificates.md": certificates,
    "docs/guides/existing-mesh.md": mesh_of_others,
}
"""What a page takes for granted besides what the pages before it have made."""


@pytest.mark.parametrize("page", RUN)
def test_what_the_page_shows_works(workshop: Workshop, own: Cluster, page: str) -> None:
    if page in PREPARED:
        PREPARED[page](workshop, own)
    workshop.follow(page, ELSEWHERE.keys() | NOT_RUN.keys())
