"""The options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

Project = Annotated[
    Optional[Path],
    typer.Option("--project", "-p", help="The project's folder; by default the nearest one with a workflow.py."),
]
Home = Annotated[
    Optional[Path], typer.Option("--home", help="The endpoint's state; by default .headwater in the project.")
]
On = Annotated[str, typer.Option("--on", help="Where: local (the embedded endpoint) or aws.")]
Profile = Annotated[Optional[str], typer.Option("--profile", help="The AWS profile, with --on aws.")]
Region = Annotated[Optional[str], typer.Option("--region", help="The AWS region, with --on aws.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
