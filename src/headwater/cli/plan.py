"""``headwater plan``: what a workflow will make, before anything is made."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from headwater.cli.console import out, print_json, reported
from headwater.cli.options import Debug, Json, Project

if TYPE_CHECKING:
    from headwater.plan.render import Node

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
STYLES = {"workflow": "bold", "stage": "cyan", "together": "magenta", "permission": "dim", "note": "yellow"}


@app.command()
def plan(
    template: bool = typer.Option(False, "--template", help="Print the CloudFormation template."),
    json: Json = False,
    project: Project = None,
    debug: Debug = False,
) -> None:
    """Show the stages as they will run, what each reads and writes, and what its role may do. Needs no network."""
    with reported(debug):
        from headwater.cli.project import Project as ProjectFolder
        from headwater.plan.render import render_text, to_json

        found = ProjectFolder(project).plan
        if template:
            sys.stdout.write(json_module.dumps(found.template, indent=2) + "\n")
        elif json:
            print_json(to_json(found))
        else:
            for line in _lines(render_text(found)):
                out.print(line)


def _lines(node: Node, lead: str = "", below: str = "") -> Iterator[str]:
    """A tree as lines that are never cut, so that a pipe gets every word."""
    style = STYLES.get(node.kind)
    text = escape(node.text)
    yield lead + (f"[{style}]{text}[/{style}]" if style else text)
    for child in node.children:
        last = child is node.children[-1]
        yield from _lines(child, below + ("└── " if last else "├── "), below + ("    " if last else "│   "))
