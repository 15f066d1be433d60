"""The CDK app: the workflow's plan as a stack, checked by cdk-nag's AWS Solutions pack.

Run it with `cdk synth` and `cdk deploy`, or without the CDK's own command line: `python app.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import headwater.cdk  # before aws_cdk: it brings the Node.js that the CDK runs on
from aws_cdk import App, AspectPriority, Aspects, Validations
from cdk_nag import AwsSolutionsChecks
from stacks.workflow_stack import WorkflowStack

PROJECT = Path(os.environ.get("HEADWATER_PROJECT", Path(__file__).absolute().parents[1]))

# Whatever the CDK finds wrong, in the template or said by an aspect, fails synthesis.
FLAGS = {"@aws-cdk/core:annotationsInValidationReport": True, "@aws-cdk/core:validateAgainstDefaultRules": True}


def main() -> None:
    """Synthesize the cloud assembly into `cdk.out`, or where the CDK's command line says."""
    app = App(analytics_reporting=False, context=FLAGS, outdir=os.environ.get("CDK_OUTDIR", "cdk.out"))
    WorkflowStack(app, PROJECT)
    Aspects.of(app).add(headwater.cdk.EveryResourceTagged(), priority=AspectPriority.READONLY)  # once tags were put
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, write_suppressions_to_cloud_formation=True))
    app.synth()


if __name__ == "__main__":
    main()
