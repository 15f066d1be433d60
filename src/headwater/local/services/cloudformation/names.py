"""The physical names that CloudFormation gives to resources whose template gives none.

``<stack>-<logical id>-<12 random characters>``, cut to what the service takes; lower-case for buckets and others that
ask for it. Source: AWS CloudFormation User Guide, "Name type", 2025-11.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass

UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
RANDOM_CHARS = 12


@dataclass(frozen=True)
class Naming:
    """How a type's name is generated.

    Attributes
    ----------
    property:
        The property that holds the name.
    max_chars:
        What the service takes.
    lower:
        Whether the service takes lower case only.
    """

    property: str
    max_chars: int
    lower: bool = False

    def generate(self, stack_name: str, logical_id: str, suffix: str = "") -> str:
        """A new name; ``suffix`` must end it (``.fifo``)."""
        alphabet = LOWER if self.lower else UPPER
        random = "".join(secrets.choice(alphabet) for _ in range(RANDOM_CHARS))
        room = self.max_chars - len(random) - 1 - len(suffix)
        stem = f"{stack_name}-{logical_id}"
        if len(stem) > room:  # AWS keeps something of both
            kept_of_logical = min(len(logical_id), max(room // 2, room - 1 - len(stack_name)))
            stem = f"{stack_name[: room - 1 - kept_of_logical]}-{logical_id[:kept_of_logical]}"
        name = f"{stem}-{random}{suffix}"
        return name.lower() if self.lower else name
