"""The AWS CLI's commands that docs/workflows.md shows, run against an endpoint as a person would."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs" / "workflows.md"


def run_shown(url: str, command: str, replaced: dict[str, str] | None = None) -> str:
    """Run the command that begins so, with placeholders replaced; returns what it prints."""
    shown = re.search(rf"^ +aws ({command} .*)$", DOCS.read_text(), re.MULTILINE)
    assert shown is not None, command
    text = shown[1]
    for placeholder, value in (replaced or {}).items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    program = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", url]
    done = subprocess.run([*program, *shlex.split(text)], capture_output=True, text=True, env=keys, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
