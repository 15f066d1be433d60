"""An aspect: every resource that can bear tags must, or synthesis fails."""

from __future__ import annotations

import jsii
from aws_cdk import Annotations, CfnResource, IAspect, TagManager
from constructs import IConstruct


@jsii.implements(IAspect)
class EveryResourceTagged:
    """Report a resource that can bear tags and bears none: what has no tag is found by no sweep and no bill.

    Use `Aspects.of(app).add(EveryResourceTagged(), priority=AspectPriority.READONLY)`: after what puts tags.
    """

    def visit(self, node: IConstruct) -> None:
        """Look at one construct."""
        if not isinstance(node, CfnResource):
            return
        tags = getattr(node, "tags", None) or getattr(node, "cdk_tag_manager", None)
        if isinstance(tags, TagManager) and not tags.has_tags():
            text = f"{node.cfn_resource_type} {node.logical_id} bears no tag: give the workflow tags, or the stack"
            Annotations.of(node).add_error(text)
