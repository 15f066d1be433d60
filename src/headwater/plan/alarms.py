"""What tells people of a run that did not succeed: a topic, and an alarm on each way in which a run can end badly.

Each alarm sums AWS/States' count of such ends over one minute, the shortest period of a standard metric, and one is
enough: runs are rare, and a run that failed is never noise. Minutes without a run have no datapoint and are no alarm
(Step Functions Developer Guide, "Monitoring Step Functions metrics using Amazon CloudWatch", read 2026-11-25).

The topic has no key of its own: the policy of the AWS managed one (``alias/aws/sns``) does not let CloudWatch in, so
that alarms would go unheard; a team that wants one sets ``KmsMasterKeyId`` to a key that admits CloudWatch (Amazon SNS
Developer Guide, "Securing Amazon SNS data with server-side encryption", read 2026-11-25). SNS encrypts what it stores
at rest in any case. The topic's policy admits these alarms alone, and no publisher without TLS.
"""

from __future__ import annotations

from typing import Any

from headwater.plan import naming
from headwater.plan.naming import ALARM_TOPIC, MACHINE
from headwater.plan.policies import only_over_tls
from headwater.plan.tags import stage_tags, tag_list
from headwater.workflow.workflow import Workflow

Resources = dict[str, dict[str, Any]]

PERIOD_S = 60
# logical id → the metric, and how a run ended
ALARMS = {
    "AlarmOnFailed": ("ExecutionsFailed", "failed"),
    "AlarmOnTimedOut": ("ExecutionsTimedOut", "timed out"),
    "AlarmOnAborted": ("ExecutionsAborted", "aborted"),
}


def alarm_of(workflow: str, status: str) -> str:
    """Return the name of the alarm on runs that ended with a status: FAILED, TIMED_OUT or ABORTED."""
    return naming.alarm_name(workflow, status.lower().replace("_", " "))


def alarm_resources(workflow: Workflow) -> Resources:
    """Return the topic, who may publish to it, and the alarms that do."""
    found = {ALARM_TOPIC: _topic(workflow), naming.ALARM_TOPIC_POLICY: _topic_policy()}
    return found | {each: _alarm(workflow, metric, ended) for each, (metric, ended) in ALARMS.items()}


def _topic(workflow: Workflow) -> dict[str, Any]:
    properties = {
        "TopicName": naming.alarm_topic_name(workflow.name),
        "DisplayName": workflow.name,
        "Tags": tag_list(stage_tags(workflow)),
    }
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


def _topic_policy() -> dict[str, Any]:
    topic = {"Ref": ALARM_TOPIC}
    alarms = {
        "Sid": "AlarmsOfTheWorkflow",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": {
            "ArnLike": {"aws:SourceArn": [{"Fn::GetAtt": [each, "Arn"]} for each in ALARMS]},
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        },
    }
    document = {"Version": "2012-10-17", "Statement": [alarms, only_over_tls("sns:Publish", topic)]}
    return {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [topic], "PolicyDocument": document}}


def _alarm(workflow: Workflow, metric: str, ended: str) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": naming.alarm_name(workflow.name, ended),
            "AlarmDescription": f"Runs of the workflow {workflow.name} that ended so: {ended}",
            "Namespace": "AWS/States",
            "MetricName": metric,
            "Dimensions": [{"Name": "StateMachineArn", "Value": {"Ref": MACHINE}}],
            "Statistic": "Sum",
            "Period": PERIOD_S,
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": ALARM_TOPIC}],
            "Tags": tag_list(stage_tags(workflow)),
        },
    }
