"""What this ``awsglue`` does not compute, said by name."""

from __future__ import annotations


class NotComputed(Exception):
    """AWS Glue does this and Headwater does not; nothing was done."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"Headwater.NotComputed: {what}" + (f". {mend}" if mend else ""))
