"""The intrinsic functions: from a template's value to what it is worth.

A value that cannot be known yet (an attribute of a resource that a change set would only make) is :data:`UNKNOWN`; what
is computed from it is unknown too, so that a change set can say "conditionally".

Source: AWS CloudFormation Template Reference, "Intrinsic function reference", 2025-11.
"""

from __future__ import annotations

import ipaddress
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.local.services.cloudformation.template import Template, validation_error


class _Marker:
    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


UNKNOWN = _Marker("UNKNOWN")
NO_VALUE = _Marker("AWS::NoValue")
CONDITION_FUNCTIONS = frozenset({"Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"})
EXTENSIONS = frozenset({"Fn::Length", "Fn::ToJsonString"})


def _missing(*names: str) -> Any:
    raise validation_error(f"Template error: nothing can be resolved here: {'.'.join(names)}")


def contains_unknown(value: Any) -> bool:
    """Whether any part of a value is not known yet."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return value is UNKNOWN


def as_text(value: Any, function: str = "Fn::Join") -> str:
    """A scalar as CloudFormation writes it into a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise validation_error(f"Template error: {function} takes strings, and was given {json.dumps(value, default=str)}")


@dataclass
class Resolver:
    """Resolves a template's values.

    Attributes
    ----------
    template:
        The template, for its mappings and conditions.
    values:
        Parameters and pseudo parameters by name.
    ref, attribute:
        What ``Ref`` and ``Fn::GetAtt`` of a resource give; may return :data:`UNKNOWN`.
    import_value:
        The value of an export by name.
    zones:
        The availability zones of a region.
    """

    template: Template
    values: Mapping[str, Any]
    ref: Callable[[str], Any] = _missing
    attribute: Callable[[str, str], Any] = _missing
    import_value: Callable[[str], Any] = _missing
    zones: Callable[[str], list[str]] = _missing
    _conditions: dict[str, bool | None] = field(default_factory=dict)

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic function computed; ``AWS::NoValue`` members are left out."""
        if isinstance(value, list):
            resolved = [self.resolve(item) for item in value]
            return [item for item in resolved if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._ref(argument)
            if isinstance(name, str) and (name.startswith("Fn::") or self._is_condition(name, argument)):
                return self._call(name, argument)
        pairs = ((name, self.resolve(item)) for name, item in value.items())
        return {name: item for name, item in pairs if item is not NO_VALUE}

    def _is_condition(self, name: str, argument: Any) -> bool:
        return name == "Condition" and isinstance(argument, str) and argument in self.template.conditions

    def holds(self, name: str) -> bool:
        """Whether a condition of the template holds.

        Raises
        ------
        ServiceError
            ValidationError when it is not there, or needs itself.
        """
        known = self._conditions.get(name)
        if known is not None:
            return known
        if name in self._conditions:
            raise validation_error(f"Circular dependency between conditions: [{name}]")
        if name not in self.template.conditions:
            raise validation_error(f"Template error: unresolved condition dependency {name} in Fn::If")
        self._conditions[name] = None
        answer = self._truth(self.resolve(self.template.conditions[name]), name)
        self._conditions[name] = answer
        return answer

    @staticmethod
    def _truth(value: Any, where: str) -> bool:
        if isinstance(value, bool):
            return value
        if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise validation_error(f"Template format error: Condition {where} must evaluate to true or false")

    def _ref(self, name: Any) -> Any:
        if not isinstance(name, str):
            raise validation_error("Template format error: Every Ref object must have a single String value.")
        if name == "AWS::NoValue":
            return NO_VALUE
        return self.values[name] if name in self.values else self.ref(name)

    def _call(self, name: str, argument: Any) -> Any:
        function = FUNCTIONS.get(name)
        if function is None or (name in EXTENSIONS and not self.template.extended):
            raise validation_error(
                f"Template format error: Encountered unsupported function: {name} "
                f"Supported functions are: [{', '.join(sorted(FUNCTIONS))}]"
            )
        return function(self, argument)

    def strict(self, argument: Any) -> Any:
        """The resolved argument, which must be known: raises :class:`_NotKnown` otherwise."""
        resolved = self.resolve(argument)
        if contains_unknown(resolved):
            raise _NotKnown
        return resolved


class _NotKnown(Exception):
    """An argument of a function is not known yet."""


def _known(function: Callable[[Resolver, Any], Any]) -> Callable[[Resolver, Any], Any]:
    """Make a function whose argument is not known give UNKNOWN."""

    def wrapped(resolver: Resolver, argument: Any) -> Any:
        try:
            return function(resolver, argument)
        except _NotKnown:
            return UNKNOWN

    return wrapped


def _arguments(name: str, argument: Any, counts: tuple[int, ...], text: str) -> list[Any]:
    if not isinstance(argument, list) or len(argument) not in counts:
        raise validation_error(f"Template error: every {name} object requires {text}")
    return argument


@_known
def _and(resolver: Resolver, argument: Any) -> bool:
    items = _arguments(
        "Fn::And", argument, tuple(range(2, 11)), "a list of at least 2 and at most 10 boolean parameters."
    )
    return all([resolver._truth(resolver.strict(item), "Fn::And") for item in items])


@_known
def _or(resolver: Resolver, argument: Any) -> bool:
    items = _arguments(
        "Fn::Or", argument, tuple(range(2, 11)), "a list of at least 2 and at most 10 boolean parameters."
    )
    return any([resolver._truth(resolver.strict(item), "Fn::Or") for item in items])


@_known
def _not(resolver: Resolver, argument: Any) -> bool:
    (item,) = _arguments("Fn::Not", argument, (1,), "one boolean parameter.")
    return not resolver._truth(resolver.strict(item), "Fn::Not")


@_known
def _equals(resolver: Resolver, argument: Any) -> bool:
    left, right = resolver.strict(_arguments("Fn::Equals", argument, (2,), "a list of 2 string parameters."))
    if isinstance(left, (dict, list)) or isinstance(right, (dict, list)):
        return bool(left == right)
    return as_text(left, "Fn::Equals") == as_text(right, "Fn::Equals")


def _if(resolver: Resolver, argument: Any) -> Any:
    name, yes, no = _arguments("Fn::If", argument, (3,), "a list of 3 parameters: a condition and two values.")
    return resolver.resolve(yes if resolver.holds(name) else no)


def _condition(resolver: Resolver, argument: Any) -> bool:
    return resolver.holds(argument)


@_known
def _base64(resolver: Resolver, argument: Any) -> str:
    return b64encode(as_text(resolver.strict(argument), "Fn::Base64").encode()).decode()


@_known
def _cidr(resolver: Resolver, argument: Any) -> list[str]:
    items = resolver.strict(
        _arguments("Fn::Cidr", argument, (2, 3), "two parameters, an ipBlock and a count, or three.")
    )
    network = ipaddress.ip_network(str(items[0]))
    host_bits = int(items[2]) if len(items) == 3 else 8
    subnets = network.subnets(new_prefix=network.max_prefixlen - host_bits)
    found = [str(subnet) for subnet, _ in zip(subnets, range(int(items[1])), strict=False)]
    if len(found) < int(items[1]):
        raise validation_error(f"Template error: Fn::Cidr: {network} has no {items[1]} blocks of {host_bits} bits")
    return found


def _find_in_map(resolver: Resolver, argument: Any) -> Any:
    items = _arguments("Fn::FindInMap", argument, (3, 4), "three parameters, the map name, map key and the attribute.")
    try:
        name, first, second = (as_text(part, "Fn::FindInMap") for part in resolver.strict(items[:3]))
    except _NotKnown:
        return UNKNOWN
    found = resolver.template.mappings.get(name, {}).get(first, {})
    if second in found:
        return found[second]
    if len(items) == 4 and resolver.template.extended and isinstance(items[3], dict) and "DefaultValue" in items[3]:
        return resolver.resolve(items[3]["DefaultValue"])
    raise validation_error(f"Template error: Unable to get mapping for {name}::{first}::{second}")


def _get_att(resolver: Resolver, argument: Any) -> Any:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    attribute = resolver.resolve(parts[1])
    return UNKNOWN if attribute is UNKNOWN else resolver.attribute(str(parts[0]), str(attribute))


@_known
def _get_azs(resolver: Resolver, argument: Any) -> list[str]:
    return resolver.zones(str(resolver.strict(argument) or resolver.values["AWS::Region"]))


@_known
def _import_value(resolver: Resolver, argument: Any) -> Any:
    return resolver.import_value(as_text(resolver.strict(argument), "Fn::ImportValue"))


@_known
def _join(resolver: Resolver, argument: Any) -> str:
    text = (
        "two parameters, (1) a string delimiter and (2) a list of strings to be joined or a function that returns "
        "a list of strings (such as Fn::GetAZs) to be joined."
    )
    delimiter, items = resolver.strict(_arguments("Fn::Join", argument, (2,), text))
    if not isinstance(items, list) or not isinstance(delimiter, str):
        raise validation_error(f"Template error: every Fn::Join object requires {text}")
    return delimiter.join(as_text(item) for item in items)


@_known
def _length(resolver: Resolver, argument: Any) -> int:
    items = resolver.strict(argument)
    if not isinstance(items, list):
        raise validation_error("Template error: Fn::Length requires a list.")
    return len(items)


@_known
def _select(resolver: Resolver, argument: Any) -> Any:
    text = "two parameters, an integer index and a list of objects to select from."
    index, items = _arguments("Fn::Select", argument, (2,), text)
    index, items = resolver.strict(index), resolver.resolve(items)
    if items is UNKNOWN:
        return UNKNOWN
    if not isinstance(items, list) or not re.fullmatch(r"\d+", str(index)):
        raise validation_error(f"Template error: every Fn::Select object requires {text}")
    if int(index) >= len(items):
        raise validation_error(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return items[int(index)]


@_known
def _split(resolver: Resolver, argument: Any) -> list[str]:
    text = "two parameters, (1) a string delimiter and (2) a string to be split"
    delimiter, source = resolver.strict(_arguments("Fn::Split", argument, (2,), text))
    if not isinstance(delimiter, str) or not delimiter or not isinstance(source, str):
        raise validation_error(f"Template error: every Fn::Split object requires {text}")
    return source.split(delimiter)


@_known
def _sub(resolver: Resolver, argument: Any) -> str:
    text = argument
    variables: Any = {}
    if isinstance(argument, list) and len(argument) == 2:
        text, variables = argument
    if not isinstance(text, str) or not isinstance(variables, dict):
        raise validation_error(
            "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
            "string as first argument, and an optional second argument to specify a mapping of values to replace "
            "in the string"
        )

    def replace(match: re.Match[str]) -> str:
        if match[1].startswith("!"):
            return "${" + match[1][1:] + "}"
        name = match[1].strip()
        target, dot, attribute = name.partition(".")
        if name in variables:
            value = resolver.strict(variables[name])
        elif dot:
            value = resolver.attribute(target, attribute)
        else:
            value = resolver._ref(name)
        if value is UNKNOWN:
            raise _NotKnown
        return as_text(value, "Fn::Sub")

    return re.sub(r"\$\{([^{}]+)\}", replace, text)


@_known
def _to_json_string(resolver: Resolver, argument: Any) -> str:
    return json.dumps(resolver.strict(argument), separators=(",", ":"))


FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Condition": _condition,
    "Fn::And": _and,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::Equals": _equals,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Not": _not,
    "Fn::Or": _or,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
}
