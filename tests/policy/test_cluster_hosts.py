"""One Service in its many spellings is one host, and nothing else is it."""

import pytest

from mesh_policy.reading.cluster_hosts import ServiceName, canonical, is_cluster_local, service

FULL = "a.ns.svc.cluster.local"


@pytest.mark.parametrize(
    "host", ["a.ns", "a.ns.svc", FULL, f"{FULL}.", "A.Ns.SVC.Cluster.Local", "a.ns."]
)
def test_one_service_in_its_spellings_is_one_host(host: str) -> None:
    assert canonical(host) == FULL
    assert service(host) == ServiceName("a", "ns")


def test_a_lone_name_is_of_the_namespace_that_asks() -> None:
    assert canonical("a", "ns") == FULL
    assert canonical("a") == "a"
    assert service("a", "ns") == ServiceName("a", "ns")
    assert service("a") is None


@pytest.mark.parametrize(
    "host",
    ["b.ns", "a.other", "a.ns.svc.other.domain", "x.a.ns.svc.cluster.local", "a.ns.pod", "*.ns"],
)
def test_other_hosts_stay_apart(host: str) -> None:
    assert canonical(host) != FULL


@pytest.mark.parametrize(
    "host",
    ["", ".", "..", "*", "*.ns.svc", "a..svc", "www.example.com", "x.a.ns.svc.cluster.local"],
)
def test_what_means_no_service_means_none(host: str) -> None:
    assert service(host) is None


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        (FULL, True),
        ("a.ns.svc", True),
        ("*.ns.svc.cluster.local", True),
        ("www.example.com", False),
    ],
)
def test_inside_is_told_by_the_end(host: str, inside: bool) -> None:
    assert is_cluster_local(host) is inside
