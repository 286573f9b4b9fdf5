"""The version that a program tells, out of whatever it prints around it."""

import pytest

from toolchain.parts import version_in


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("v3.220.0\n", "v3.220.0"),
        ("Kubernetes v1.34.2\n", "v1.34.2"),
        ("etcd Version: 3.6.16\nGit SHA: Not provided\nGo Version: go1.26.8\n", "3.6.16"),
        ("\nenvoy  version: 9e5580933739/1.40.0/Clean/RELEASE/BoringSSL\n", "1.40.0"),
        (
            'version.BuildInfo{Version:"v0.0.0-20260827124520-eed52ebb66ad", GitRevision:"unknown"',
            "v0.0.0-20260827124520-eed52ebb66ad",
        ),
        ("", "unknown"),
    ],
)
def test_the_first_version_is_taken(printed: str, version: str) -> None:
    assert version_in(printed) == version
