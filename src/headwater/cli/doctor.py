"""``headwater doctor``: is this machine fit, and what does the endpoint compute?"""

from __future__ import annotations

import typer

from rich.markup import escape

from headwater.cli.console import FAILED, Exit, out, print_json, reported
from headwater.cli.options import Debug, Home, Json, Project

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
MARKS = {"ok": "[green]ok[/green]  ", "warn": "[yellow]warn[/yellow]", "bad": "[red]bad[/red] "}


@app.command()
def doctor(
    services: bool = typer.Option(False, "--services", help="Print what is computed, kept as records, and refused."),
    home: Home = None,
    project: Project = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check Python, the JVM, memory, disk, ports and user namespaces, and say how to mend each."""
    with reported(debug):
        if services:
            _services(json)
            return
        from headwater.cli.checkup import checkup
        from headwater.cli.project import home_of

        checks = checkup(home_of(project, home))
        if json:
            print_json([check.to_json() for check in checks])
        else:
            for check in checks:
                out.print(f"{MARKS[check.state]} {check.name:<16} {escape(check.found)}")
                if check.mend:
                    out.print(f"     {'':<16} → {escape(check.mend)}")
        if any(check.state == "bad" for check in checks):
            raise Exit(FAILED)


def _services(json: bool) -> None:
    from dataclasses import asdict

    from headwater.local.fidelity import fidelity

    found = fidelity()
    if json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        out.print(f"[bold]{one.service}[/bold]")
        for kind, names in (("computed", one.computed), ("records (moto)", one.recorded)):
            if names:
                out.print(f"  {kind}: {', '.join(names)}")
        out.print(f"  refused: {len(one.refused)} operations")
    out.print("Every other service is refused by name.")
