"""Start the stand-in: `python -m toolchain.operators --kubeconfig PATH [--without KIND]...`.

It runs until it is ended by a signal; there is nothing to clean up.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer
from kubernetes import client, config

from toolchain.operators.controller import KINDS, Controller


def main(
    kubeconfig: Annotated[Path, typer.Option(exists=True, dir_okay=False)],
    without: Annotated[list[str] | None, typer.Option(help="A kind to leave alone.")] = None,
) -> None:
    """Play the operators' part on an API server."""
    if unknown := sorted(set(without or ()) - set(KINDS)):
        takes = ", ".join(KINDS)
        raise typer.BadParameter(f"--without: found {', '.join(unknown)}, takes {takes}")
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    kinds = [kind for kind in KINDS if kind not in (without or ())]
    Controller(client.ApiClient(configuration), kinds).run()


if __name__ == "__main__":
    typer.run(main)
