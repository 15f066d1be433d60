"""A CloudFormation template: read from JSON or YAML, checked in its structure, nothing resolved yet.

YAML is read by a safe loader that knows the short forms (``!Ref``, ``!Sub`` …) and takes dates as strings, since
``Version: 2012-10-17`` of a policy is one.

Not faithful to AWS: of the transforms only ``AWS::LanguageExtensions`` is known (without ``Fn::ForEach``), others are
refused by name; ``Rules`` and ``Hooks`` are refused by name; YAML anchors and merge keys are accepted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.refused_types import refusal

SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Transform",
    }
)
RESOURCE_MEMBERS = frozenset(
    {"Condition", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type", "UpdateReplacePolicy"}
)
POLICIES = {
    "DeletionPolicy": frozenset({"Delete", "Retain", "RetainExceptOnCreate"}),
    "UpdateReplacePolicy": frozenset({"Delete", "Retain"}),
}
LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"
PSEUDO_PARAMETERS = frozenset(
    {
        "AWS::AccountId",
        "AWS::NoValue",
        "AWS::NotificationARNs",
        "AWS::Partition",
        "AWS::Region",
        "AWS::StackId",
        "AWS::StackName",
        "AWS::URLSuffix",
    }
)
SUB_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")


def validation_error(text: str) -> ServiceError:
    """CloudFormation's error for everything that is wrong with a request or a template."""
    return ServiceError("ValidationError", text)


@dataclass(frozen=True)
class Resource:
    """One member of ``Resources``, unresolved."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: tuple[str, ...] = ()
    condition: str | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: Any = None


@dataclass(frozen=True)
class Template:
    """A template whose structure is sound."""

    body: str
    description: str
    parameters: dict[str, dict[str, Any]]
    mappings: dict[str, Any]
    conditions: dict[str, Any]
    resources: dict[str, Resource]
    outputs: dict[str, dict[str, Any]]
    metadata: Any
    transforms: tuple[str, ...]

    @property
    def extended(self) -> bool:
        """Whether ``Fn::Length`` and ``Fn::ToJsonString`` are there."""
        return LANGUAGE_EXTENSIONS in self.transforms


@dataclass(frozen=True)
class Reference:
    """Something a value names: ``Ref`` (attribute None) or ``Fn::GetAtt`` (an attribute, "" when it is computed)."""

    target: str
    attribute: str | None = None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with CloudFormation's short forms."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(body: str) -> Any:
    """The document of a template's text: JSON when it begins with a brace, else YAML.

    Raises
    ------
    ServiceError
        ValidationError with AWS's text and the place, when the text is not well-formed.
    """
    if body.lstrip().startswith("{"):
        try:
            return json.loads(body)
        except json.JSONDecodeError as error:
            json_place = f"(line {error.lineno}, column {error.colno})"
    else:
        json_place = ""
    try:
        return yaml.load(body, Loader=_Loader)  # nosec B506: a SafeLoader
    except yaml.YAMLError as error:
        if json_place:
            raise validation_error(f"Template format error: JSON not well-formed. {json_place}") from error
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise validation_error(f"Template format error: YAML not well-formed.{place}") from error


def parse(body: str, known_types: Collection[str]) -> Template:
    """Read a template and check its structure and its references.

    Parameters
    ----------
    body:
        The text, JSON or YAML.
    known_types:
        The resource types that can be deployed; others are refused by name.

    Raises
    ------
    ServiceError
        ValidationError with AWS's text, for the first thing that is wrong.
    """
    document = load(body)
    if not isinstance(document, dict):
        raise validation_error("Template format error: unsupported structure.")
    if unknown := [str(name) for name in document if name not in SECTIONS]:
        raise validation_error(f"Invalid template property or properties [{', '.join(sorted(unknown))}]")
    for name in SECTIONS - {"AWSTemplateFormatVersion", "Description", "Metadata", "Transform"}:
        if not isinstance(document.get(name, {}), dict):
            raise validation_error(f"Template format error: [/{name}] 'null' or other values are not allowed")
    transforms = _transforms(document.get("Transform"))
    resources = _resources(document.get("Resources") or {}, known_types)
    template = Template(
        body=body,
        description=str(document.get("Description", "")),
        parameters=document.get("Parameters", {}),
        mappings=document.get("Mappings", {}),
        conditions=document.get("Conditions", {}),
        resources=resources,
        outputs=document.get("Outputs", {}),
        metadata=document.get("Metadata"),
        transforms=transforms,
    )
    _check_references(template)
    return template


def _transforms(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value] if value else []
    for name in names:
        if name != LANGUAGE_EXTENSIONS:
            shown = name.get("Name") if isinstance(name, dict) else name
            raise validation_error(f"No transform named {shown} found.")
    return tuple(names)


def _resources(section: Mapping[str, Any], known_types: Collection[str]) -> dict[str, Resource]:
    if not section:
        raise validation_error("Template format error: At least one Resources member must be defined.")
    resources = {str(name): _resource(str(name), body) for name, body in section.items()}
    if refused := {r.type for r in resources.values()} - set(known_types):
        raise validation_error(refusal(refused))
    return resources


def _resource(name: str, body: Any) -> Resource:
    if not re.fullmatch(r"[A-Za-z0-9]+", name):
        raise validation_error(f"Template format error: Resource name {name} is non alphanumeric.")
    if not isinstance(body, dict):
        raise validation_error("Template format error: Every Resources member must be an object.")
    if not isinstance(body.get("Type"), str):
        raise validation_error(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    if unknown := sorted(set(body) - RESOURCE_MEMBERS):
        raise validation_error(f"Invalid template resource property '{unknown[0]}'")
    for member, allowed in POLICIES.items():
        if body.get(member, "Delete") not in allowed:
            raise validation_error(f"Template format error: Unrecognized {member} {body[member]} for resource {name}")
    properties = body.get("Properties") or {}
    if not isinstance(properties, dict):
        raise validation_error(f"Template format error: [/Resources/{name}/Properties] must be an object.")
    depends = body.get("DependsOn") or []
    return Resource(
        logical_id=name,
        type=body["Type"],
        properties=properties,
        depends_on=(depends,) if isinstance(depends, str) else tuple(depends),
        condition=body.get("Condition"),
        deletion_policy=body.get("DeletionPolicy", "Delete"),
        update_replace_policy=body.get("UpdateReplacePolicy", "Delete"),
        metadata=body.get("Metadata"),
    )


def references(value: Any) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and ``${…}`` of Fn::Sub inside a value, in all branches of its conditions."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
        return
    if not isinstance(value, dict):
        return
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" and isinstance(argument, str):
            yield Reference(argument)
            return
        if name == "Fn::GetAtt":
            yield from _getatt_reference(argument)
            return
        if name == "Fn::Sub":
            yield from _sub_references(argument)
            return
    for item in value.values():
        yield from references(item)


def _getatt_reference(argument: Any) -> Iterator[Reference]:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) < 2 or not isinstance(parts[0], str):
        raise validation_error(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, "
            "the resource name and the resource attribute"
        )
    yield Reference(parts[0], parts[1] if isinstance(parts[1], str) else "")
    yield from references(parts[1])


def _sub_references(argument: Any) -> Iterator[Reference]:
    text, variables = argument if isinstance(argument, list) and len(argument) == 2 else (argument, {})
    yield from references(variables)
    for name in SUB_VARIABLE.findall(text if isinstance(text, str) else ""):
        name = name.strip()
        if name in variables:
            continue
        target, dot, attribute = name.partition(".")
        yield Reference(target, attribute if dot else None)


def _check_references(template: Template) -> None:
    values = set(template.parameters) | PSEUDO_PARAMETERS
    names = values | set(template.resources)
    for section, bodies in (("Resources", template.resources), ("Outputs", template.outputs)):
        missing: set[str] = set()
        for body in bodies.values():
            content = body.properties if isinstance(body, Resource) else body
            for reference in references(content):
                if reference.attribute is None and reference.target not in names:
                    missing.add(reference.target)
                if reference.attribute is not None and reference.target not in template.resources:
                    raise validation_error(
                        f"Template error: instance of Fn::GetAtt references undefined resource {reference.target}"
                    )
            if isinstance(body, Resource):
                missing |= set(body.depends_on) - set(template.resources)
        if missing:
            raise validation_error(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(missing))}] "
                f"in the {section} block of the template"
            )
    _check_conditions(template, values)
    for name, output in template.outputs.items():
        if not isinstance(output, dict) or "Value" not in output:
            raise validation_error(
                f"Template format error: [/Outputs/{name}] Every Outputs member must contain a Value object"
            )


def _check_conditions(template: Template, values: set[str]) -> None:
    unresolved = {r.target for r in references(template.conditions)} - values
    if unresolved:
        raise validation_error(
            f"Template format error: Unresolved dependencies [{', '.join(sorted(unresolved))}]. "
            "Cannot reference resources in the Conditions block of the template"
        )
    for section, conditions in (
        ("Resources", [r.condition for r in template.resources.values()]),
        ("Outputs", [o.get("Condition") for o in template.outputs.values() if isinstance(o, dict)]),
    ):
        for condition in conditions:
            if condition is not None and condition not in template.conditions:
                raise validation_error(
                    f"Template format error: Unresolved condition dependency {condition} "
                    f"in the {section} block of the template"
                )
