"""The S3 side of a crawl: target paths and exclusion patterns.

An exclude pattern is a glob relative to the include path (AWS Glue developer guide, "Include and exclude patterns",
2023-06): ``*`` and ``?`` stay within a folder, ``**`` does not, ``[a-c]`` and ``[!a-c]`` are classes, ``{a,b}``
alternatives, a backslash escapes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from headwater.local.service import ServiceError

S3_PATH = re.compile(r"s3[an]?://([^/]+)(?:/(.*))?", re.DOTALL)


def split_s3_path(path: str) -> tuple[str, str]:
    """Bucket and key prefix of an S3 path; the scheme may be missing, as on AWS."""
    match = S3_PATH.fullmatch(path if "://" in path else f"s3://{path}")
    if match is None:
        raise ServiceError("InvalidInputException", f"The S3 path {path} is not valid: expected s3://bucket/prefix/")
    return match.group(1), match.group(2) or ""


class Exclusions:
    """The exclude patterns of a target.

    Raises
    ------
    ServiceError
        InvalidInputException, when a pattern cannot be read.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [_compile(pattern) for pattern in patterns]

    def match(self, relative_key: str) -> bool:
        """Whether an object, by its key after the include path, is left out."""
        return any(pattern.fullmatch(relative_key) for pattern in self._patterns)


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_regex(pattern), re.DOTALL)
    except (re.error, ValueError) as error:
        raise ServiceError("InvalidInputException", f"The exclude pattern {pattern} is not valid: {error}") from error


def _character_class(body: str) -> str:
    negated = body.startswith("!")
    rest, members = body[1:] if negated else body, ""
    while rest:
        if len(rest) > 2 and rest[1] == "-":
            members += f"{re.escape(rest[0])}-{re.escape(rest[2])}"
            rest = rest[3:]
        else:
            members += re.escape(rest[0])  # also a hyphen that stands for itself
            rest = rest[1:]
    if not members:
        raise ValueError(f"an empty class [{body}]")
    return f"(?!/)[{'^' if negated else ''}{members}]"


def _regex(pattern: str) -> str:
    parts: list[str] = []
    position, braces = 0, 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            double = pattern.startswith("*", position)
            parts.append(".*" if double else "[^/]*")
            position += double
        elif character == "?":
            parts.append("[^/]")
        elif character == "[":
            end = pattern.index("]", position + 1)
            parts.append(_character_class(pattern[position:end]))
            position = end + 1
        elif character == "{":
            parts.append("(?:")
            braces += 1
        elif character == "}" and braces:
            parts.append(")")
            braces -= 1
        elif character == "," and braces:
            parts.append("|")
        elif character == "\\" and position < len(pattern):
            parts.append(re.escape(pattern[position]))
            position += 1
        else:
            parts.append(re.escape(character))
    if braces:
        raise ValueError("a { without its }")
    return "".join(parts)
