"""A planned workflow as a CDK construct: each planned resource becomes the CDK's own class of its type."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import CfnResource, Stack
from aws_cdk.cloudformation_include import CfnInclude
from constructs import Construct

from headwater.cdk import assets, rules
from headwater.errors import PlanError
from headwater.plan.plan import Plan, make_plan
from headwater.workflow.loader import load_workflow

TEMPLATE = "headwater-plan.template.json"


class PlannedWorkflow(Construct):
    """A workflow's plan within a stack.

    Every planned resource keeps its logical id and is an L1 construct (`CfnBucket`, `CfnRole`, `CfnJob` …), so aspects,
    cdk-nag, `Tags.of` and references work on it. Run it with `headwater run --on aws` where the stack bears the plan's
    name, `construct.plan.name`.

    Parameters
    ----------
    scope:
        Within a Stack.
    id:
        The construct's id.
    project:
        The project's folder, or its `workflow.py`.

    Raises
    ------
    DeclarationError
        With every mistake of the declaration.
    PlanError
        If AWS's quotas hold no template for it, or there is no such resource.
    """

    def __init__(self, scope: Construct, id: str, project: str | Path) -> None:
        super().__init__(scope, id)
        self.plan: Plan = make_plan(load_workflow(project))
        stack = Stack.of(self)
        self.assets_bucket = assets.publish(stack, self.plan.assets)
        file = assets.outdir(stack) / f"{stack.artifact_id}.{TEMPLATE}"
        file.write_text(json.dumps(assets.located(self.plan.template, self.assets_bucket)), encoding="utf-8")
        self._included = CfnInclude(self, "Plan", template_file=str(file))
        rules.acknowledge(self)

    @staticmethod
    def stack_name(project: str | Path) -> str:
        """Return the name that the plan's stack has when `headwater deploy` makes it: the workflow's."""
        return load_workflow(project).name

    def resource(self, logical_id: str) -> CfnResource:
        """Return a planned resource by its logical id, as `headwater plan --template` prints it.

        Raises
        ------
        PlanError
            If the plan has none of that id.
        """
        planned = self.plan.template["Resources"]
        if logical_id not in planned:
            known = ", ".join(sorted(planned))
            raise PlanError(f"workflow {self.plan.name!r}: no resource {logical_id!r} is planned. Planned: {known}.")
        return self._included.get_resource(logical_id)

    def resources(self) -> dict[str, CfnResource]:
        """Return every planned resource by its logical id."""
        return {logical_id: self.resource(logical_id) for logical_id in self.plan.template["Resources"]}
