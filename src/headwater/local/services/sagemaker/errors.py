"""SageMaker's errors, in AWS's words."""

from __future__ import annotations

import re
from collections.abc import Collection

from headwater.local.service import ServiceError

# CreateTrainingJob, TrainingJobName (API reference, 2026-11); processing jobs and model package groups have the same.
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def invalid(message: str) -> ServiceError:
    """A ValidationException."""
    return ServiceError("ValidationException", message)


def not_computed(what: str, instead: str = "") -> ServiceError:
    """The refusal of what Headwater would otherwise pretend."""
    return invalid(
        f"Headwater does not compute {what}, and refuses it rather than pretend.{' ' * bool(instead)}{instead}"
    )


def check_name(member: str, value: str) -> None:
    """Refuse a name that AWS would refuse."""
    if not NAME.fullmatch(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: ^{NAME.pattern}"
        )


def check_choice(member: str, value: str | None, choices: Collection[str]) -> None:
    """Refuse a value that the modelled enumeration does not have."""
    if value is not None and value not in choices:
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(sorted(choices))}]"
        )


def check_range(member: str, value: float | None, least: int, most: int) -> None:
    """Refuse a number outside the modelled range."""
    if value is None or least <= value <= most:
        return
    side, bound = ("greater", least) if value < least else ("less", most)
    raise invalid(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must have "
        f"value {side} than or equal to {bound}"
    )
