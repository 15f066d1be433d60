"""``headwater plan``: what a workflow will make, before anything is made."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from headwater.cli.console import out, print_json, reported
from headwater.cli.options import Debug, Home, Json, On, Profile, Project, Region

if TYPE_CHECKING:
    from headwater.plan.plan import Plan
    from headwater.plan.render import Node

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
STYLES = {
    "workflow": "bold",
    "stage": "cyan",
    "together": "magenta",
    "permission": "dim",
    "statement": "",
    "note": "yellow",
}


@app.command()
def plan(
    template: bool = typer.Option(False, "--template", help="Print the CloudFormation template."),
    diff: bool = typer.Option(False, "--diff", help="Compare the plan with what is deployed, and that with its stack."),
    policies: bool = typer.Option(False, "--policies", help="Each role's policy, with the reason for every statement."),
    json: Json = False,
    on: On = "local",
    profile: Profile = None,
    region: Region = None,
    project: Project = None,
    home: Home = None,
    debug: Debug = False,
) -> None:
    """Show the stages as they will run, what each reads and writes, and what its role may do.

    Needs no network, but for --diff: that compares with the deployed template, policies first, and detects drift.
    """
    with reported(debug):
        from headwater.cli.project import Project as ProjectFolder
        from headwater.cli.project import Where
        from headwater.plan.render import render_text, to_json

        if diff:
            from headwater.cli.plan_diff import say_differences

            say_differences(ProjectFolder(project, home), Where(on, profile, region), json)
            return
        found = ProjectFolder(project).plan
        if policies:
            _say_policies(found, json)
        elif template:
            sys.stdout.write(json_module.dumps(found.template, indent=2) + "\n")
        elif json:
            print_json(to_json(found))
        else:
            for line in _lines(render_text(found)):
                out.print(line)


def _say_policies(found: Plan, json: bool) -> None:
    from headwater.plan.render_policies import policies_json, policies_text

    if json:
        print_json(policies_json(found))
        return
    for line in _lines(policies_text(found)):
        out.print(line)


def _lines(node: Node, lead: str = "", below: str = "") -> Iterator[str]:
    """A tree as lines that are never cut, so that a pipe gets every word."""
    style = STYLES.get(node.kind)
    text = escape(node.text)
    yield lead + (f"[{style}]{text}[/{style}]" if style else text)
    for child in node.children:
        last = child is node.children[-1]
        yield from _lines(child, below + ("└── " if last else "├── "), below + ("    " if last else "│   "))
