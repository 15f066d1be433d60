"""Policy documents as they are kept: read, checked for their version, and their statements told apart by source."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from headwater.local.identity.policies import Statement

SOURCE = "Headwater:Source"
"""The key under which a statement names its policy and that policy's type, as the simulators answer them."""
TRUST = "Trust Policy"
"""What a role's trust policy is called there."""
INDEX = "Headwater:Index"
"""The key under which a statement has its place in its policy, from 0."""


def statements_of(document: str | dict[str, Any], name: str = "", kind: str = "IAM Policy") -> list[Statement]:
    """The statements of a document, each with its source.

    Parameters
    ----------
    document:
        JSON, percent-encoded JSON as IAM answers it, or the parsed object.
    name, kind:
        The policy's name, and what it is: `IAM Policy`, `Resource Policy` …
    """
    if isinstance(document, str):
        document = dict(json.loads(document if document.lstrip().startswith("{") else unquote(document)))
    parsed: dict[str, Any] = dict(document)
    found = parsed.get("Statement", [])
    listed = found if isinstance(found, list) else [found]
    if parsed.get("Version") != "2012-10-17":
        # Policy variables are text in documents of the older version (IAM User Guide, "Policy variables").
        listed = json.loads(json.dumps(listed).replace("${", "${$}{"))
    return [{**statement, SOURCE: (name, kind), INDEX: place} for place, statement in enumerate(listed)]
