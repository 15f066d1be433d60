"""The ``headwater`` command. Each command is a module that is imported when it is called, so ``--help`` is light."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

# name → one line of help; the module is headwater.cli.<name>, its function of the same name.
COMMANDS = {
    "init": "Write a new project folder from the flights example.",
    "plan": "Show what a workflow will make: stages, roles, template.",
    "deploy": "Deploy the plan: show what changes, ask, follow.",
    "run": "Run the workflow and follow it to its end.",
    "backfill": "Run the workflow for each period of a range.",
    "resume": "Go on with a failed, stopped or interrupted run.",
    "status": "Show a run and its stages.",
    "logs": "Show a stage's log lines.",
    "history": "Show the runs, or the events of one.",
    "cost": "Estimate what a run costs on AWS.",
    "lake": "Put, get, ls, sync and rm the lake's files.",
    "policies": "Compare what roles may do with what they did.",
    "destroy": "Delete the stack; the lake's data stays.",
    "sweep": "Delete forgotten resources by their tag.",
    "up": "Start the embedded endpoint.",
    "down": "Stop the embedded endpoint.",
    "doctor": "Check this machine, and say how to mend what is missing.",
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of a first day."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        app = importlib.import_module(f"headwater.cli.{cmd_name}").app
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=LazyGroup,
    name="headwater",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Run an AWS data-science workflow for real on this machine, and deploy the same template to AWS.",
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        sys.stdout.write(f"headwater {version('headwater')}\n")
        raise typer.Exit()


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every command."""


def main(arguments: list[str] | None = None) -> Any:
    """The console script's entry."""
    return app(arguments)


if __name__ == "__main__":
    main()
