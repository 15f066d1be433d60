"""CloudFormation: stacks and change sets, deployed for real through the endpoint's own services.

Computed: creation, update, deletion and roll-back of stacks, change sets, events, outputs, exports, the intrinsic
functions, and the resource types of :mod:`~headwater.local.services.cloudformation.registry`. A type or a property that
is not computed fails the deployment by name. Refused by name: nested stacks, stack sets, imports, stack
policies, notifications, transforms other than ``AWS::LanguageExtensions``.

Not faithful to AWS: a stack cannot be deleted while it is being created; stack tags reach the resources, the
``aws:cloudformation:*`` tags do not.
"""

from __future__ import annotations

from headwater.local.services.cloudformation.change_set_operations import ChangeSetOperations
from headwater.local.services.cloudformation.deployment import resume_status
from headwater.local.services.cloudformation.drift_operations import DriftOperations
from headwater.local.services.cloudformation.resource_operations import ResourceOperations
from headwater.local.services.cloudformation.template_operations import TemplateOperations


class CloudFormationService(ChangeSetOperations, DriftOperations, ResourceOperations, TemplateOperations):
    """Every operation of CloudFormation that is computed here."""

    name = "cloudformation"

    def start(self) -> None:
        """Go on with, or roll back, what a stop or a kill cut off; as the endpoint itself, or the stack's role."""
        for stack in self.records.live():
            if stack["status"].endswith("_IN_PROGRESS") and stack["status"] != "REVIEW_IN_PROGRESS":
                self.begin(stack, None, resume_status)


__all__ = ["CloudFormationService"]
