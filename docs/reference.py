"""Write docs/cli.md and docs/fidelity.md from the code: ``python docs/reference.py``. A test compares them."""

from __future__ import annotations

import os
from pathlib import Path

DOCS = Path(__file__).parent
FIDELITY_HEAD = """# What is computed, kept, and refused

Generated from the code by `python docs/reference.py`; `headwater doctor --services` prints the same.

*Computed* operations do the thing. *Records* are kept and answered by moto, for services and operations that only keep
records. Every other operation, and every service not listed, is refused by name with AWS's error for an unknown
operation.

A bucket's settings (versioning, life cycle, encryption, replication and so on) are kept and told, and not acted on: an
object has one version here.
"""


def cli_reference() -> str:
    """Every command's help, as Markdown."""
    os.environ["COLUMNS"] = "100"
    from typer.testing import CliRunner

    from headwater.cli.main import COMMANDS, app

    runner = CliRunner()
    parts = ["# Commands\n", "Generated from `--help` by `python docs/reference.py`.\n"]
    parts.append(EXIT_CODES)
    lake = ["put", "get", "ls", "sync", "rm"]
    for words in [[], *([name] for name in COMMANDS), *(["lake", name] for name in lake)]:
        shown = runner.invoke(app, [*words, "--help"], prog_name="headwater", terminal_width=100)
        text = "\n".join(line.rstrip() for line in shown.output.strip().splitlines())
        parts.append(f"## {' '.join(['headwater', *words])}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


EXIT_CODES = """## Exit codes

| code | meaning |
|-|-|
| 0 | done |
| 1 | a check or a command failed for a reason of its own |
| 2 | arguments that contradict one another |
| 3 | mistakes in workflow.py, or no workflow.py |
| 4 | a sound declaration that no template can hold |
| 5 | AWS or the endpoint refused a call, or does not answer; the stack failed |
| 6 | the run ended in anything but SUCCEEDED |
| 7 | another run holds the lake, or an interrupted one is not finished |
| 8 | an object could not be put, got, or verified |
| 130 | interrupted with Ctrl-C |
"""


def fidelity_table() -> str:
    """The table of what the endpoint does with each operation, as Markdown."""
    from headwater.local.fidelity import fidelity

    lines = [FIDELITY_HEAD, "| service | computed | records | refused |", "|-|-|-|-|"]
    for one in fidelity():
        computed = " ".join(one.computed) or "none"
        recorded = " ".join(one.recorded) or "none"
        lines.append(f"| {one.service} | {computed} | {recorded} | {len(one.refused)} others |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write both."""
    (DOCS / "cli.md").write_text(cli_reference())
    (DOCS / "fidelity.md").write_text(fidelity_table())


if __name__ == "__main__":
    main()
