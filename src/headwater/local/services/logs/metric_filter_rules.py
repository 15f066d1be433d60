"""What PutMetricFilter refuses.

Sources, read 2026-11-25: CloudWatch Logs API reference, PutMetricFilter and MetricTransformation (lengths, characters,
100 filters a group, two regular expressions a pattern, five a group, three dimensions); user guide, "Creating metrics
from log events using filters" (Standard class alone); CDK API reference, MetricFilterOptions ("the field value must
have been matched using the pattern"). The texts on dimensions are AWS's; the others say what AWS does not publish.
"""

from __future__ import annotations

import math
import re
from typing import Any

from headwater.local.service import Members, ServiceError
from headwater.local.services.logs.field_tests import NUMBER
from headwater.local.services.logs.filter_pattern import Pattern, read_pattern
from headwater.local.services.logs.log_groups import invalid
from headwater.local.store import Record

MOST_FILTERS = 100
MOST_DIMENSIONS = 3
MOST_REGEXES, MOST_REGEXES_OF_A_GROUP = 2, 5
LONGEST_PATTERN = 1024
LONGEST_VALUE = 100
NAME = re.compile(r"[^:*]{1,512}")
METRIC = re.compile(r"[^:*$]{1,255}")
DIMENSION = re.compile(r".{1,255}", re.DOTALL)
_SIZES = "Bits Bytes Gigabits Gigabytes Kilobits Kilobytes Megabits Megabytes Terabits Terabytes Count".split()
UNITS = {*_SIZES, *(f"{size}/Second" for size in _SIZES)} | {
    "Microseconds",
    "Milliseconds",
    "None",
    "Percent",
    "Seconds",
}
PLACE = re.compile(r"\$\d+")


def check_pattern(text: str) -> Pattern:
    """The pattern, read. Raises InvalidParameterException."""
    if len(text) > LONGEST_PATTERN:
        raise invalid(
            "1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: Member must have "
            f"length less than or equal to {LONGEST_PATTERN}"
        )
    return read_pattern(text)


def check_filter(record: Record, others: list[Record]) -> None:
    """Refuse a filter that AWS would refuse beside the group's others."""
    _matches("filterName", record["filterName"], NAME)
    pattern = check_pattern(record["filterPattern"])
    transformations = record["metricTransformations"]
    if len(transformations) != 1:
        raise invalid(
            "1 validation error detected: Value at 'metricTransformations' failed to satisfy constraint: Member must "
            f"have length of 1, got {len(transformations)}"
        )
    _check_transformation(transformations[0], pattern)
    if len(others) >= MOST_FILTERS:
        raise ServiceError(
            "LimitExceededException", f"Resource limit exceeded: a log group has at most {MOST_FILTERS} metric filters."
        )
    if pattern.regexes > MOST_REGEXES:
        raise invalid(f"Invalid filter pattern: it has {pattern.regexes} regular expressions, at most {MOST_REGEXES}")
    if pattern.regexes + sum(read_pattern(r["filterPattern"]).regexes for r in others) > MOST_REGEXES_OF_A_GROUP:
        raise ServiceError(
            "LimitExceededException",
            f"Resource limit exceeded: the filter patterns of a log group have at most {MOST_REGEXES_OF_A_GROUP} "
            "regular expressions.",
        )


def _check_transformation(given: Members, pattern: Pattern) -> None:
    for member in ("metricName", "metricNamespace"):
        _matches(f"metricTransformations.1.member.{member}", given[member], METRIC)
    value = str(given["metricValue"])
    if len(value) > LONGEST_VALUE or not (NUMBER.fullmatch(value) or _is_field(value, pattern)):
        raise _bad(
            f"metric value {value} must be a number, or a field of the filter pattern ({_fields(pattern)}), of at most "
            f"{LONGEST_VALUE} characters"
        )
    if (unit := given.get("unit")) is not None and unit not in UNITS:
        raise invalid(
            f"1 validation error detected: Value '{unit}' at 'metricTransformations.1.member.unit' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(sorted(UNITS))}]"
        )
    default = given.get("defaultValue")
    if default is not None and not math.isfinite(default):
        raise _bad(f"default value must be a number, got {default}")
    if given.get("dimensions"):
        _check_dimensions(given["dimensions"], pattern, default)


def _check_dimensions(dimensions: dict[str, str], pattern: Pattern, default: float | None) -> None:
    if default is not None:
        raise _bad("dimensions and default value are mutually exclusive properties")
    if not pattern.structured:
        raise invalid("The specified filter pattern does not support dimensions")
    if len(dimensions) > MOST_DIMENSIONS:
        raise _bad(f"at most {MOST_DIMENSIONS} dimensions, got {len(dimensions)}")
    for name, value in dimensions.items():
        _matches("metricTransformations.1.member.dimensions", name, DIMENSION)
        if not value.startswith("$"):
            raise _bad("dimension value must be valid selector")
        if not _is_field(value, pattern):
            raise _bad(f"dimension {name}: {value} is no field of the filter pattern ({_fields(pattern)})")


def _is_field(value: str, pattern: Pattern) -> bool:
    return value in pattern.fields or (pattern.counts_places and PLACE.fullmatch(value) is not None)


def _fields(pattern: Pattern) -> str:
    return ", ".join(pattern.fields) or "it has none"


def _matches(member: str, value: Any, expected: re.Pattern[str]) -> None:
    if not isinstance(value, str) or not expected.fullmatch(value):
        raise invalid(
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must "
            f"satisfy regular expression pattern: {expected.pattern}"
        )


def _bad(text: str) -> ServiceError:
    return invalid(f"Invalid metric transformation: {text}")
