"""What a service's model asks of a request's members, and AWS's words for what is wrong with them.

Every call passes here before it is authorised: over HTTP before botocore's own words are used, which are the client's
and not AWS's, and in process, where nothing else would notice that a required member is absent. That check costs a look
at a few names. Services in :data:`WORDED` have lengths, ranges, patterns and enumerations checked too.

Not faithful to AWS: the order of an enumeration's values in the text, which AWS does not document, is the model's
except where a recording shows it; lengths are counted in code points.

Source: answers of Step Functions, DynamoDB and SQS recorded between 2023 and 2025, read 2026-11-25.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from headwater.local import wire
from headwater.local.member_names import protocol
from headwater.local.service import Members, ServiceError

WORDED = frozenset({"stepfunctions"})
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "list": (list,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}
_ENUM_ORDER = {"ExecutionStatus": ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING")}


def check_members(service: str, operation: str, members: Members) -> None:
    """Refuse members that the service's model does not allow.

    Parameters
    ----------
    service:
        botocore's name.
    operation:
        AWS's spelling.
    members:
        As a client gives them; a member that is None is absent.

    Raises
    ------
    ServiceError
        ``ValidationException`` (``ValidationError`` of query services, ``MissingParameter`` of SQS and EC2).
    """
    if service in WORDED:
        shape = wire.input_shape(service, operation)
        if shape is not None and (found := list(_violations(shape, members, ""))):
            raise _refusal("ValidationException", found)
        return
    if absent := [name for name in required_members(service, operation) if members.get(name) is None]:
        raise _missing(service, absent)


@functools.cache
def required_members(service: str, operation: str) -> tuple[str, ...]:
    """The members that a caller of an operation (AWS's spelling) must give; idempotency tokens are made for them."""
    shape = wire.input_shape(service, operation)
    if shape is None:
        return ()
    return tuple(name for name in shape.required_members if not shape.members[name].metadata.get("idempotencyToken"))


def _missing(service: str, absent: list[str]) -> ServiceError:
    if service == "s3":
        return ServiceError("InvalidArgument", f"Missing required parameter in input: {', '.join(absent)}")
    if service == "sqs" or protocol(service) == "ec2":
        return ServiceError("MissingParameter", f"The request must contain the parameter {absent[0]}.")
    code = "ValidationError" if protocol(service) == "query" else "ValidationException"
    return _refusal(code, [_null(_lower(name)) for name in absent])


def _refusal(code: str, found: list[str]) -> ServiceError:
    errors = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return ServiceError(code, f"{errors} detected: {'; '.join(found)}")


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _null(path: str) -> str:
    return f"Value null at '{path}' failed to satisfy constraint: Member must not be null"


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    for constraint in _broken(shape, value):
        shown = "Value" if shape.metadata.get("sensitive") else f"Value '{_text(shape, value)}'"
        yield f"{shown} at '{path}' failed to satisfy constraint: {constraint}"
    if shape.type_name == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            if value.get(name) is not None:
                yield from _violations(member, value[name], inner)
            elif name in shape.required_members:
                yield _null(inner)
    elif shape.type_name == "list" and isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")


def _broken(shape: Any, value: Any) -> Iterator[str]:
    rules = shape.metadata
    if not rules or not isinstance(value, _TYPES.get(shape.type_name, ())):
        return  # a value of another type is refused as that
    size, what = (len(value), "length") if isinstance(value, (str, list)) else (value, "value")
    if "min" in rules and size < rules["min"]:
        yield f"Member must have {what} greater than or equal to {rules['min']}"
    if "max" in rules and size > rules["max"]:
        yield f"Member must have {what} less than or equal to {rules['max']}"
    if "pattern" in rules and not _compiled(rules["pattern"]).fullmatch(str(value)):
        yield f"Member must satisfy regular expression pattern: {rules['pattern']}"
    if "enum" in rules and value not in rules["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(_ENUM_ORDER.get(shape.name, rules['enum']))}]"


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(r"\p{ASCII}", r"[\x00-\x7f]"))  # Java's name for it


def _text(shape: Any, value: Any) -> str:
    """A value as Java prints it."""
    if shape.type_name == "list":
        return f"[{', '.join(_text(shape.member, item) for item in value)}]"
    if shape.type_name == "structure":
        members = ((name, shape.members[name], value[name]) for name in shape.members if name in value)
        return f"{shape.name}({', '.join(f'{name}={_text(member, item)}' for name, member, item in members)})"
    return str(value)
