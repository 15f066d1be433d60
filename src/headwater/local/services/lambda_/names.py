"""The ways a client may name a function: ``name``, ``name:qualifier``, a partial ARN, a full ARN."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headwater.local.service import ServiceError

LATEST = "$LATEST"
# FunctionName's pattern of the API reference (2025), cut into its parts.
FUNCTION = re.compile(
    r"(?:arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
)
PATTERN_TEXT = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
ALIAS = re.compile(r"(?!\d+$)[a-zA-Z0-9_-]{1,128}")


@dataclass(frozen=True)
class FunctionName:
    """A function's name and the qualifier that came with it."""

    name: str
    qualifier: str | None = None

    @classmethod
    def parse(cls, text: str, qualifier: str | None = None) -> FunctionName:
        """Read ``text``; ``qualifier`` is the request's own. Raises ServiceError when it is no name or they differ."""
        match = FUNCTION.fullmatch(text)
        if match is None:
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{text}' at 'functionName' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {PATTERN_TEXT}",
            )
        inside = match["qualifier"]
        if inside and qualifier and inside != qualifier:
            raise ServiceError(
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
                Type="User",
            )
        return cls(match["name"], qualifier or inside)


def function_arn(region: str, account: str, name: str, qualifier: str | None = None) -> str:
    """The ARN of a function, or of one of its versions or aliases."""
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return arn if qualifier is None else f"{arn}:{qualifier}"


def not_found(arn: str) -> ServiceError:
    """AWS's error for a function that does not exist."""
    return ServiceError("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")


def invalid(message: str) -> ServiceError:
    """AWS's error for a value that a parameter may not have."""
    return ServiceError("InvalidParameterValueException", message, 400, Type="User")
