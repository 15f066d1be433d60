"""The functions for the end of a run that did not succeed, started by EventBridge rules on the execution's status.

Step Functions tells EventBridge of each status of a standard execution (Step Functions Developer Guide, "Automating
Step Functions event delivery with EventBridge", 2026-11), also of one that was stopped or timed out. The rule hands
the function the event that it would get at the end of a run that succeeded, but for ``run``: of the run's input only
the text is known here, as ``run["input"]``, and ``run["start"]`` is in milliseconds since the epoch.
"""

from __future__ import annotations

import json
from typing import Any

from headwater.plan import naming
from headwater.plan.tags import stage_tags, tag_list
from headwater.plan.tasks import event_of
from headwater.workflow import order
from headwater.workflow.names import resource_name
from headwater.workflow.stages import FunctionStage
from headwater.workflow.workflow import Workflow

ENDED_BADLY = ("FAILED", "TIMED_OUT", "ABORTED")
_LONGEST_RULE = 64  # EventBridge quota, API reference of PutRule, 2026-11
_PATHS = {
    "cause": "$.detail.cause",
    "error": "$.detail.error",
    "id": "$.detail.name",
    "input": "$.detail.input",
    "start": "$.detail.startDate",
    "status": "$.detail.status",
}


def ending_resources(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """Return a rule, and the permission to invoke, for each function that runs when a run did not succeed."""
    found: dict[str, dict[str, Any]] = {}
    for stage in workflow.stages:
        if isinstance(stage, FunctionStage) and order.is_final(stage):
            function, rule = naming.resource_id(stage), naming.rule_id(stage)
            found[rule] = _rule(workflow, stage, function)
            found[naming.permission_id(stage)] = {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "Action": "lambda:InvokeFunction",
                    "FunctionName": {"Ref": function},
                    "Principal": "events.amazonaws.com",
                    "SourceArn": {"Fn::GetAtt": [rule, "Arn"]},
                },
            }
    return found


def _rule(workflow: Workflow, stage: FunctionStage, function: str) -> dict[str, Any]:
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [{"Ref": naming.MACHINE}], "status": list(ENDED_BADLY)},
    }
    transformer = {"InputPathsMap": _PATHS, "InputTemplate": {"Fn::Sub": _template(stage)}}
    return {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "Name": resource_name(workflow.name, stage.name, _LONGEST_RULE),
            "Description": f"Stage {stage.name} of the workflow {workflow.name}: a run did not succeed",
            "State": "ENABLED",
            "EventPattern": pattern,
            "Targets": [
                {
                    "Id": "function",
                    "Arn": {"Fn::GetAtt": [function, "Arn"]},
                    "InputTransformer": transformer,
                    "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10},
                }
            ],
            "Tags": tag_list(stage_tags(workflow, stage)),
        },
    }


def _template(stage: FunctionStage) -> str:
    """EventBridge puts each ``<name>`` in as JSON where the template holds it bare."""
    event = {
        "run": {"id": "<id>", "start": "<start>", "input": "<input>"},
        **event_of(stage, failed=True),
        "status": "<status>",
        "error": {"Error": "<error>", "Cause": "<cause>"},
    }
    text = json.dumps(event)
    for name in _PATHS:
        text = text.replace(f'"<{name}>"', f"<{name}>")
    return text
