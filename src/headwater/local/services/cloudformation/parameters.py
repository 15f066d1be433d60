"""A template's parameters: what a caller gave, what the template says, and whether the two agree.

Not faithful to AWS: a value of an AWS-specific type (``AWS::EC2::VPC::Id`` …) is not looked up; it is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from headwater.local.services.cloudformation.template import Template, validation_error

HIDDEN = "****"
SSM_VALUE = "AWS::SSM::Parameter::Value<"
Given = Mapping[str, str]


def merge(template: Template, given: list[dict[str, Any]], previous: Given | None = None) -> dict[str, str]:
    """The text of every parameter: given, kept (``UsePreviousValue``), or the template's default.

    Parameters
    ----------
    template:
        The template.
    given:
        The request's ``Parameters``.
    previous:
        The stack's values before an update; None when it is being created.

    Raises
    ------
    ServiceError
        ValidationError with AWS's text: unknown, missing, or against a constraint.
    """
    texts: dict[str, str] = {}
    if unknown := sorted({p["ParameterKey"] for p in given} - set(template.parameters)):
        raise validation_error(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    by_key = {p["ParameterKey"]: p for p in given}
    missing: list[str] = []
    for name, declared in template.parameters.items():
        request = by_key.get(name, {})
        if request.get("UsePreviousValue"):
            if previous is None or name not in previous:
                raise validation_error(
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue "
                    "as true for a parameter key not in the previous template"
                )
            texts[name] = previous[name]
        elif "ParameterValue" in request:
            texts[name] = str(request["ParameterValue"])
        elif "Default" in declared:
            texts[name] = _text(declared["Default"])
        else:
            missing.append(name)
    if missing:
        raise validation_error(f"Parameters: [{', '.join(missing)}] must have values")
    for name, text in texts.items():
        _check(name, template.parameters[name], text)
    return texts


def values(template: Template, texts: Given, ssm_parameter: Callable[[str], str]) -> dict[str, Any]:
    """What ``Ref`` of each parameter gives: a string, or a list for the list types.

    ``ssm_parameter`` reads a parameter of Systems Manager for ``AWS::SSM::Parameter::Value<…>``.
    """
    resolved: dict[str, Any] = {}
    for name, text in texts.items():
        type_name = str(template.parameters[name].get("Type", "String"))
        if type_name.startswith(SSM_VALUE):
            text = ssm_parameter(text)
            type_name = type_name[len(SSM_VALUE) : -1]
        is_list = type_name == "CommaDelimitedList" or type_name.startswith("List<")
        resolved[name] = [part.strip() for part in text.split(",")] if is_list and text else [] if is_list else text
    return resolved


def shown(template: Template, texts: Given) -> list[dict[str, str]]:
    """The parameters as a description shows them: NoEcho ones hidden."""
    return [
        {
            "ParameterKey": name,
            "ParameterValue": HIDDEN if _truthy(template.parameters.get(name, {}).get("NoEcho")) else text,
        }
        for name, text in texts.items()
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)


def _truthy(value: Any) -> bool:
    return str(value).lower() == "true"


def _check(name: str, declared: Mapping[str, Any], text: str) -> None:
    type_name = str(declared.get("Type", ""))
    if not type_name:
        raise validation_error(
            f"Template format error: Every Parameters object must contain a Type member. [/Parameters/{name}]"
        )
    if type_name.startswith(SSM_VALUE):
        return  # the constraints speak of the name's value, which AWS reads later
    if type_name not in ("String", "Number", "CommaDelimitedList", "List<Number>") and "AWS::" not in type_name:
        raise validation_error(f"Template format error: Unrecognized parameter type: {type_name}")
    numeric = type_name in ("Number", "List<Number>")
    items = text.split(",") if type_name in ("CommaDelimitedList", "List<Number>") else [text]
    for item in items:
        problem = _problem(name, declared, item.strip() if len(items) > 1 else item, numeric)
        if problem:
            description = declared.get("ConstraintDescription")
            raise validation_error(
                f"Parameter {name} failed to satisfy constraint: {description}" if description else problem
            )


def _problem(name: str, declared: Mapping[str, Any], text: str, numeric: bool) -> str | None:
    """What is wrong with one value, in AWS's words."""
    if numeric:
        try:
            number = float(text)
        except ValueError:
            return f"Parameter '{name}' must be a number"
        if "MinValue" in declared and number < float(declared["MinValue"]):
            return f"Parameter '{name}' must be a number not less than {declared['MinValue']}"
        if "MaxValue" in declared and number > float(declared["MaxValue"]):
            return f"Parameter '{name}' must be a number not greater than {declared['MaxValue']}"
    allowed = declared.get("AllowedValues")
    if allowed is not None and text not in [_text(value) for value in allowed]:
        return f"Parameter '{name}' must be one of AllowedValues"
    if "AllowedPattern" in declared and not re.fullmatch(str(declared["AllowedPattern"]), text):
        return f"Parameter '{name}' must match pattern {declared['AllowedPattern']}"
    if "MinLength" in declared and len(text) < int(declared["MinLength"]):
        return f"Parameter '{name}' must contain at least {declared['MinLength']} characters"
    if "MaxLength" in declared and len(text) > int(declared["MaxLength"]):
        return f"Parameter '{name}' must contain at most {declared['MaxLength']} characters"
    return None
