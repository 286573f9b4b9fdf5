"""The vendors' releases that are downloaded where their sites can be reached: data only.

No checksum was taken from the site that the file comes from. They are those of public records:
Hermit's package list (Pulumi's command line, istioctl), nixpkgs (the plugins), Kubernetes' own
changelog, Kubespray (etcd), a Nix package of KWOK. Hermit's and nixpkgs' agree on the command line
where both have a version. The versions are the newest that a record has, or Kubernetes' own.
"""

from typing import Final

from toolchain.downloads import Binary, Release

AMD64: Final = "x86_64"
ARM64: Final = "aarch64"

PULUMI: Final = Release(
    "pulumi",
    "3.259.0",
    "https://get.pulumi.com/releases/sdk/pulumi-v{version}-linux-{machine}.tar.gz",
    (
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-analyzer-policy-python",
    ),
    (
        Binary(AMD64, "x64", "94ba357acac23d01474084c4b00098dc0f7bc70ce13f34c777459254a5f718e5"),
        Binary(ARM64, "arm64", "edc8327463a72160bb36cf82cf5062da9c8a244290a706d9980988e7bf486853"),
    ),
)


def _plugin(name: str, version: str, amd64: str, arm64: str) -> Release:
    program = f"pulumi-resource-{name}"
    return Release(
        program,
        version,
        f"https://get.pulumi.com/releases/plugins/{program}-v{{version}}-linux-{{machine}}.tar.gz",
        (program,),
        (Binary(AMD64, "amd64", amd64), Binary(ARM64, "arm64", arm64)),
    )


PLUGINS: Final = {
    "kubernetes": _plugin(
        "kubernetes",
        "4.25.0",
        "6ea3d53c16a00c4d1017c4d109928d8f4801fd7cd978965cd43917561f3774b0",
        "e4260240ed14bff6ed1a5a25a362311380ea1c072544fc262532b8197ea0725c",
    ),
    "random": _plugin(
        "random",
        "4.19.1",
        "f103d09d5091312743107529c7d15d9dcb9fb21d15a4b0c15209b3c9dde5eb88",
        "4fd9bf831d3fe82f66bd46e3cffd07e9ef1ff49823f3cca0ee6a80fdbc396946",
    ),
    "tls": _plugin(
        "tls",
        "5.3.0",
        "0f40f4e6b7c369c0451652bd92b5508f6a67605db84645cee9d0c161a1b50d06",
        "7716dd6bbd2dd8b27ba0d10295bf90a45d1e92cfacc86cd1592bacf7bcea560c",
    ),
}
"""By name. The engine warns where one is older than what the SDK asks for."""

KUBERNETES: Final = Release(
    "kubernetes",
    "1.34.2",
    "https://dl.k8s.io/v{version}/kubernetes-server-linux-{machine}.tar.gz",
    ("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    (
        Binary(
            AMD64,
            "amd64",
            "016b09cb70b4335201095b96cd564059eece9ece9e945e045b4558afa9dbd998"
            "40cd7a48ed6c06a888276c939c8dc30afc8a7435689c9efd295a9f9de1f477c3",
        ),
        Binary(
            ARM64,
            "arm64",
            "b5a74b68e3e88f420ff6bae262f0611a80360672a05170b71613babb4fd072f3"
            "6b2f067347feb16f0a9c1b20bca01fc8c07d83e3a55ecd133615c9fa6e5066ca",
        ),
    ),
)

ETCD: Final = Release(
    "etcd",
    "3.6.14",
    "https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{machine}.tar.gz",
    ("etcd",),
    (
        Binary(AMD64, "amd64", "ffe840ff9295808e88cce2794a18a5ac87f12a5203c8314d0bf6aa119b41bac5"),
        Binary(ARM64, "arm64", "fa1b80565ee6fc2df1ae6f57a508b221f3ecc7d591c317c581cd8281b0842b3e"),
    ),
)

KWOK: Final = Release(
    "kwok",
    "0.8.0",
    "https://github.com/kubernetes-sigs/kwok/releases/download/v{version}/kwok-linux-{machine}",
    ("kwok",),
    (
        Binary(AMD64, "amd64", "f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46"),
        Binary(ARM64, "arm64", "628f7d277860f524a2a775c217adcc58828e7b59ab0933680315784f1b8b0e37"),
    ),
)

ISTIOCTL: Final = Release(
    "istioctl",
    "1.30.3",
    "https://github.com/istio/istio/releases/download/{version}/istioctl-{version}-linux-{machine}.tar.gz",
    ("istioctl",),
    (
        Binary(AMD64, "amd64", "7b8559fb0a91466a3ff726ad291bedbcf5e4a24f1d9108dbe51a99e11f2010c8"),
        Binary(ARM64, "arm64", "58102643b66d49232a51fdd130f5a207e9e1b40ef1230930b016bdeb41261560"),
    ),
)
