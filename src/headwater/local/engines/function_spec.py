"""What the Lambda service tells the function engine, and what it gets back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

RESPONSE_BYTES = 6 * 1024 * 1024 + 100  # AWS: 6 MB and a little, "6291556 bytes" in its own error


@dataclass(frozen=True)
class FunctionSpec:
    """One version of a function, ready to run.

    Attributes
    ----------
    revision:
        Changes with the code and the configuration; environments of another revision are not reused.
    code, layers:
        Unzipped folders; of two layers the later one wins.
    environment:
        The function's own variables.
    """

    name: str
    version: str
    arn: str
    revision: str
    runtime: str
    handler: str
    role_arn: str
    memory_mb: int
    timeout_s: int
    code: Path
    log_group: str
    layers: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    log_format: str = "Text"
    log_level: str | None = None


@dataclass(frozen=True)
class Invocation:
    """One request to a function. ``payload`` is JSON."""

    request_id: str
    payload: bytes
    arn: str
    trace_id: str = ""
    client_context: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation: its payload, the value of X-Amz-Function-Error, and the end of its log."""

    payload: bytes
    error: str | None
    log_tail: bytes


def failure(error_type: str, message: str) -> bytes:
    """The payload of an error that the platform, not the function, reports."""
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()
