"""Calling `serverless-mesh check` on files that a test writes."""

import json
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from serverless_mesh.cli.main import app

CONFLICT = "no-conflicting-wildcard-gateway"


def gateway(name: str, host: str = "*", namespace: str = "shop") -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                    "hosts": [host],
                    "tls": {"mode": "SIMPLE", "credentialName": "certs"},
                }
            ],
        },
    }


ONE, TWO = gateway("one"), gateway("two")


def check(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)], input=stdin)


def write(file: Path, *bodies: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".json":
        (body,) = bodies
        file.write_text(json.dumps(body, indent=2), "utf-8")
    else:
        file.write_text(yaml.safe_dump_all(bodies, sort_keys=False), "utf-8")
    return file
