"""The team's own constructs: alarms to a pager, a VPC, a dashboard, another bucket. Empty until you add some.

Planned resources are at hand by their logical ids (`headwater plan --template` prints them):

    bucket = workflow.resource("LakeBucket")          # a CfnBucket: change it, refer to it
    machine = workflow.resource("StateMachine")       # `machine.ref` is its ARN
"""

from __future__ import annotations

from constructs import Construct
from headwater.cdk import PlannedWorkflow


class TeamConstructs(Construct):
    """What the team adds to the workflow's stack.

    Parameters
    ----------
    workflow:
        The planned workflow, with its resources.
    """

    def __init__(self, scope: Construct, id: str, workflow: PlannedWorkflow) -> None:
        super().__init__(scope, id)
        self.workflow = workflow
