"""The stack of the workflow: what Headwater plans, and beside it whatever the team adds."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Stack, Tags
from constructs import Construct
from headwater.cdk import PlannedWorkflow
from stacks.team import TeamConstructs


class WorkflowStack(Stack):
    """One stack, named as the plan is, so that `headwater run --on aws` finds it.

    Parameters
    ----------
    scope:
        The app.
    project:
        The folder of `workflow.py`.
    """

    def __init__(self, scope: Construct, project: Path) -> None:
        name = PlannedWorkflow.stack_name(project)
        super().__init__(scope, name, stack_name=name, description=f"Workflow {name}, planned by Headwater")
        self.workflow = PlannedWorkflow(self, "Workflow", project)
        TeamConstructs(self, "Team", self.workflow)
        for key, value in self.workflow.plan.tags.items():  # of the stack itself, and of what the team adds
            Tags.of(self).add(key, value)
