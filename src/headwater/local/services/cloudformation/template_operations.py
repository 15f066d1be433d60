"""What is asked of templates: the kept ones, and those that a caller sends."""

from __future__ import annotations

import json
from typing import Any

from headwater.local.service import Call, Members, operation
from headwater.local.services.cloudformation import capabilities, graph
from headwater.local.services.cloudformation.base import StackService
from headwater.local.services.cloudformation.template import Template, validation_error


class TemplateOperations(StackService):
    """The operations on templates."""

    @operation
    def get_template(
        self,
        call: Call,
        StackName: str | None = None,
        ChangeSetName: str | None = None,
        TemplateStage: str = "Original",
    ) -> Members:
        """The text of a stack's or change set's template; both stages are one text, as no macro ever changes it."""
        if ChangeSetName:
            body = self.records.need_change_set(ChangeSetName, StackName)["target"]["template"]
        elif StackName:
            stack = self.records.need(StackName)
            body = stack["template"] or stack.get("target", {}).get("template", "")
        else:
            raise validation_error("StackName or ChangeSetName must be specified")
        return {"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]}

    @operation
    def get_template_summary(
        self,
        call: Call,
        TemplateBody: str | None = None,
        TemplateURL: str | None = None,
        StackName: str | None = None,
    ) -> Members:
        """What a template declares."""
        if StackName is not None:
            body = self.get_template(call, StackName=StackName)["TemplateBody"]
        else:
            body = self.read_template(call, TemplateBody, TemplateURL)
        template = self.parse(body)
        summary: Members = {
            "Parameters": [_declared(name, p, full=True) for name, p in template.parameters.items()],
            "ResourceTypes": sorted({resource.type for resource in template.resources.values()}),
            "Version": "2010-09-09",
            **_common(template),
        }
        if template.metadata is not None:
            summary["Metadata"] = json.dumps(template.metadata)
        return summary

    @operation
    def validate_template(self, call: Call, TemplateBody: str | None = None, TemplateURL: str | None = None) -> Members:
        """Check a template: its form, its references, its order."""
        template = self.parse(self.read_template(call, TemplateBody, TemplateURL))
        graph.dependencies(template)
        return {
            "Parameters": [_declared(name, p, full=False) for name, p in template.parameters.items()],
            **_common(template),
        }


def _common(template: Template) -> Members:
    common: Members = {"DeclaredTransforms": list(template.transforms)}
    if template.description:
        common["Description"] = template.description
    asked, types = capabilities.required(template)
    if asked:
        common["Capabilities"] = asked
        common["CapabilitiesReason"] = f"The following resource(s) require capabilities: [{', '.join(types)}]"
    return common


def _declared(name: str, declared: dict[str, Any], full: bool) -> Members:
    described: Members = {"ParameterKey": name, "NoEcho": str(declared.get("NoEcho", "false")).lower() == "true"}
    if "Default" in declared:
        default = declared["Default"]
        described["DefaultValue"] = str(default).lower() if isinstance(default, bool) else str(default)
    if "Description" in declared:
        described["Description"] = str(declared["Description"])
    if full:
        described["ParameterType"] = str(declared.get("Type", "String"))
        allowed = declared.get("AllowedValues")
        described["ParameterConstraints"] = {"AllowedValues": [str(v) for v in allowed]} if allowed else {}
    return described
