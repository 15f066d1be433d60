"""``headwater plan``: what a workflow will make, before anything is made."""

from __future__ import annotations

import json as json_module
import sys
from typing import TYPE_CHECKING

import typer
from rich.markup import escape
from rich.tree import Tree

from headwater.cli.console import out, print_json, reported
from headwater.cli.options import Debug, Json, Project

if TYPE_CHECKING:
    from headwater.plan.render import Node

app = typer.Typer(add_completion=False)
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
            out.print(_tree(render_text(found)), crop=False, no_wrap=True, width=400 if not out.is_terminal else None)


def _tree(node: Node) -> Tree:
    tree = Tree(_styled(node), guide_style="dim")
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Node) -> None:
    for child in node.children:
        _grow(tree.add(_styled(child)), child)


def _styled(node: Node) -> str:
    style = STYLES.get(node.kind)
    return f"[{style}]{escape(node.text)}[/{style}]" if style else escape(node.text)
