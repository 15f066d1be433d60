"""``headwater down``: stop the embedded endpoint; what it holds stays."""

from __future__ import annotations

import typer

from headwater.cli.console import out, reported
from headwater.cli.options import Debug, Home, Project

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def down(home: Home = None, project: Project = None, debug: Debug = False) -> None:
    """Stop the endpoint and the jobs that it runs. Runs under way go on with the next `headwater up`."""
    with reported(debug):
        from headwater.cli import local_endpoint
        from headwater.cli.project import home_of

        folder = home_of(project, home)
        address = local_endpoint.find(folder)
        if address is None:
            out.print(f"no endpoint serves {folder}")
            return
        local_endpoint.stop(address)
        out.print(f"the endpoint at {address.url} has ended; its state stays in {folder}")
