"""Options that several commands take, each in the same words."""

from pathlib import Path
from typing import Annotated

import typer

CurrentContext = Annotated[
    str | None, typer.Option(help="The context of the kubeconfig; the current one without it.")
]
OwnKubeconfig = Annotated[Path | None, typer.Option(help="The kubeconfig, instead of your own.")]
MeshNamespace = Annotated[
    str | None, typer.Option(help="Namespace of the Serverless mesh, where it is not known.")
]
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")
]
