"""The options that many commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer


class IamMode(str, Enum):
    """What becomes of a call that a role may not make."""

    enforce = "enforce"
    audit = "audit"


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
Iam = Annotated[
    Optional[IamMode],
    typer.Option(
        "--iam", help="Calls that a role may not make: enforce denies them (the default), audit does and notes them."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
