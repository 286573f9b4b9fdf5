"""What the documents' `oc` comes to here: `apply -f` and `delete -f` on the API server."""

import argparse
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client, config
from kubernetes.dynamic import DynamicClient


def main() -> None:
    """Apply or delete every object of the files, in their order."""
    parser = argparse.ArgumentParser(prog="oc")
    parser.add_argument("verb", choices=("apply", "delete"))
    parser.add_argument("-f", dest="files", action="append", required=True, type=Path)
    given = parser.parse_args()
    config.load_kube_config()
    with client.ApiClient() as api:
        objects = DynamicClient(api)
        for file in given.files:
            for body in yaml.safe_load_all(file.read_text("utf-8")):
                _do(given.verb, objects, body)


def _do(verb: str, objects: DynamicClient, body: dict[str, Any]) -> None:
    kind: Any = objects.resources.get(api_version=body["apiVersion"], kind=body["kind"])
    about = body["metadata"]
    place = {"name": about["name"], "namespace": about.get("namespace")}
    if verb == "apply":
        kind.server_side_apply(body=body, field_manager="oc", **place)
    else:
        kind.delete(**place)


if __name__ == "__main__":
    main()
