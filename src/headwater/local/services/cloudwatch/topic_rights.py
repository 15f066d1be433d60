"""Whether CloudWatch may publish to a topic: by the topic's policy, and by the policy of the key that encrypts it.

Source: AWS re:Post knowledge center, "Why didn't I receive an SNS notification for my CloudWatch alarm trigger?" (read
2026-11-25): the texts of the alarm's history, and that a topic under ``alias/aws/sns`` cannot be published to, since
the policy of an AWS managed key lets no other service in and cannot be edited.
"""

from __future__ import annotations

from headwater.local.identity.resource_policies import admits
from headwater.local.service import Endpoint, ServiceError

SERVICE = "cloudwatch.amazonaws.com"
MANAGED_KEY = "alias/aws/sns"
KEY_ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
NO_KEY = "CloudWatch Alarms does not have authorization to access the SNS topic encryption key."


def refusal(endpoint: Endpoint, topic: str, alarm_arn: str) -> str | None:
    """Why an alarm may not publish to a topic, in AWS's words; None where it may. Raises what SNS says of the topic."""
    attributes = endpoint.call("sns", "get_topic_attributes", TopicArn=topic)["Attributes"]
    if not admits(attributes.get("Policy"), SERVICE, "sns:Publish", topic, alarm_arn, endpoint.account):
        return f"Resource: {alarm_arn} is not authorized to perform: SNS:Publish on resource: {topic}"
    key = attributes.get("KmsMasterKeyId")
    return NO_KEY if key and not _may_use(endpoint, key, alarm_arn) else None


def _may_use(endpoint: Endpoint, key: str, alarm_arn: str) -> bool:
    if key.endswith(MANAGED_KEY):
        return False
    try:
        found = endpoint.call("kms", "describe_key", KeyId=key)["KeyMetadata"]
        policy = endpoint.call("kms", "get_key_policy", KeyId=found["KeyId"], PolicyName="default")["Policy"]
    except ServiceError as error:
        if error.code == "NotFoundException":
            return False
        raise
    return bool(found["Enabled"]) and all(
        admits(policy, SERVICE, action, found["Arn"], alarm_arn, endpoint.account) for action in KEY_ACTIONS
    )
