"""`serverless-mesh check --complete` over a dump of a cluster in which few objects matter.

Beside it PyYAML's own loader in C reads the same list: who reads a dump can't take that long.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console

from bench.check import CHECK, cpu_seconds
from bench.costs import process
from bench.gateways import gateways
from bench.limits import Limit, hold

OBJECTS: Final = 20_000
MATTER: Final = 200
_NAMESPACES: Final = 100
_OF_LOADING: Final = 0.5
"""Of what reading all of it by PyYAML's own loader takes."""


def run(console: Console, objects: int = OBJECTS) -> None:
    """Check one list of kubectl's, and the same as a must-gather.

    Raises:
        BenchError: a check fails.
        LimitError: it takes more than it may.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = _list(folder / "list.yaml", objects)
        # Not everything is there that rules need, so that 2 is right as well.
        one, many = (
            process([*CHECK, "--complete", "--file", path], good=(0, 1, 2))
            for path in (listed, _must_gather(folder / "must-gather", objects))
        )
        text = listed.read_text("utf-8")
    own = cpu_seconds(lambda: yaml.load(text, yaml.CSafeLoader))
    what = f"{objects:,} objects of which {MATTER} matter, {len(text) / 1e6:.0f} MB"
    console.print(f"{what}: a list {one.cost} s, a must-gather {many.cost} s, PyYAML {own:.2f} s")
    hold(
        console,
        [
            Limit("checking the list to loading it", one.cost.cpu / own, _OF_LOADING),
            Limit("checking the must-gather to loading it", many.cost.cpu / own, _OF_LOADING),
        ],
    )


def _list(file: Path, objects: int) -> Path:
    every = objects // MATTER
    left = _gateways()
    with file.open("w", encoding="utf-8") as stream:
        stream.write("apiVersion: v1\nitems:\n")
        for index in range(objects):
            text = next(left) if index % every == 0 else _pod(index)
            stream.write(_item(text))
        stream.write('kind: List\nmetadata:\n  resourceVersion: ""\n')
    return file


def _must_gather(folder: Path, objects: int) -> Path:
    found = list(_gateways())
    for number in range(_NAMESPACES):
        namespace = folder / "namespaces" / f"namespace-{number}"
        core, mesh = namespace / "core", namespace / "networking.istio.io" / "gateways"
        for each in (core, mesh):
            each.mkdir(parents=True)
        pods = "".join(_item(_pod(index)) for index in range(number, objects - MATTER, _NAMESPACES))
        (core / "pods.yaml").write_text(f"apiVersion: v1\nitems:\n{pods}kind: PodList\n", "utf-8")
        for index in range(number, MATTER, _NAMESPACES):
            (mesh / f"{index}.yaml").write_text(f"---\n{found[index]}", "utf-8")
    return folder


def _gateways() -> Iterator[str]:
    yield from (yaml.safe_dump(body) for body in gateways(MATTER))


def _item(text: str) -> str:
    return f"- {text.rstrip().replace(chr(10), chr(10) + '  ')}\n"


def _pod(index: int) -> str:
    return _POD.replace("INDEX", str(index)).replace("NAMESPACE", str(index % _NAMESPACES))


def _container() -> dict[str, Any]:
    return {
        "image": f"quay.example.com/app@sha256:{'0' * 64}",
        "name": "app",
        "env": [{"name": f"VARIABLE_{each}", "value": "some value"} for each in range(20)],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
    }


_POD: Final = yaml.safe_dump(
    {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "app-INDEX",
            "namespace": "namespace-NAMESPACE",
            "labels": {"app": "app-INDEX"},
            "annotations": {"networks": '[{\n  "name": "ovn-kubernetes"\n}]'},
        },
        "spec": {"containers": [_container()], "nodeName": "worker"},
        "status": {
            "phase": "Running",
            "conditions": [{"type": each, "status": "True"} for each in ("Initialized", "Ready")],
        },
    }
)
