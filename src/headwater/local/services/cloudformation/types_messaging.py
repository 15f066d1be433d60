"""AWS::Events, AWS::Scheduler, AWS::SNS and AWS::SQS types."""

from __future__ import annotations

import json
import secrets
from abc import abstractmethod
from typing import Any

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudformation import shapes
from headwater.local.services.cloudformation.names import Naming
from headwater.local.services.cloudformation.resource_type import (
    ApiType,
    Handle,
    Made,
    Properties,
    ResourceType,
    Tagging,
    merged_tags,
    missing,
    words,
)


def _text(value: Any) -> str:
    """An attribute as the query services take it."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


class Rule(ApiType):
    """A rule of an event bus, with its targets; Ref gives its name."""

    name = "AWS::Events::Rule"
    service = "events"
    properties = words("Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets")
    create_only = words("EventBusName Name")
    naming = Naming("Name", 64)
    create_call = update_call = "put_rule"
    delete_call = "delete_rule"
    apart = words("Targets")
    ref = "{Name}"
    getatt = {"Arn": "{response[RuleArn]}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("ResourceARN", "{Arn}"))

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """put_rule again, without tags."""
        return {k: v for k, v in self.create_members(handle, new).items() if k != "Tags"}

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Put the targets, remove those that are no longer there."""
        bus = self._bus(new)
        if new.get("Targets", []) != old.get("Targets", []):
            gone = {t["Id"] for t in old.get("Targets", [])} - {t["Id"] for t in new.get("Targets", [])}
            if gone:
                handle.call("events", "remove_targets", Rule=made.physical_id, Ids=sorted(gone), **bus)
            if new.get("Targets"):
                members = shapes.to_members("events", "put_targets", {"Targets": new["Targets"]})
                answer = handle.call("events", "put_targets", Rule=made.physical_id, **members, **bus)
                if answer.get("FailedEntries"):
                    entry = answer["FailedEntries"][0]
                    raise ServiceError(entry.get("ErrorCode", "InternalFailure"), entry.get("ErrorMessage", ""))

    @staticmethod
    def _bus(properties: Properties) -> Members:
        return {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Remove the targets, then the rule."""
        bus = self._bus(properties)
        if ids := [target["Id"] for target in properties.get("Targets", [])]:
            handle.remove("events", "remove_targets", Rule=physical_id, Ids=ids, **bus)
        handle.remove("events", "delete_rule", Name=physical_id, **bus)


class Schedule(ApiType):
    """A schedule; Ref gives its name."""

    name = "AWS::Scheduler::Schedule"
    service = "scheduler"
    properties = words(
        "Description EndDate FlexibleTimeWindow GroupName KmsKeyArn Name ScheduleExpression ScheduleExpressionTimezone "
        "StartDate State Target"
    )
    required = words("FlexibleTimeWindow ScheduleExpression Target")
    create_only = words("GroupName Name")
    naming = Naming("Name", 64)
    create_call, update_call, delete_call = "create_schedule", "update_schedule", "delete_schedule"
    ref = "{Name}"
    getatt = {"Arn": "{response[ScheduleArn]}"}

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Delete it from its group."""
        group = {"GroupName": properties["GroupName"]} if "GroupName" in properties else {}
        handle.remove("scheduler", "delete_schedule", Name=physical_id, **group)


class ScheduleGroup(ApiType):
    """A group of schedules; Ref gives its name."""

    name = "AWS::Scheduler::ScheduleGroup"
    service = "scheduler"
    properties = words("Name Tags")
    naming = Naming("Name", 64)
    create_call, delete_call = "create_schedule_group", "delete_schedule_group"
    ref = "{Name}"
    getatt = {"Arn": "{response[ScheduleGroupArn]}"}
    delete_on = {"Name": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("ResourceArn", "{Arn}"))


TOPIC_ATTRIBUTES = words(
    "ArchivePolicy ContentBasedDeduplication DisplayName FifoThroughputScope FifoTopic KmsMasterKeyId SignatureVersion"
)


class Topic(ApiType):
    """A topic, with its subscriptions; Ref gives its ARN."""

    name = "AWS::SNS::Topic"
    service = "sns"
    properties = TOPIC_ATTRIBUTES | words("DataProtectionPolicy Subscription Tags TopicName TracingConfig")
    create_only = words("FifoTopic TopicName")
    naming = Naming("TopicName", 256)
    create_call, update_call, delete_call = "create_topic", "set_topic_attributes", "delete_topic"
    apart = words("Subscription")
    ref = "arn:{partition}:sns:{region}:{account}:{TopicName}"
    getatt = {"TopicArn": "{id}", "TopicName": "{TopicName}"}
    delete_on = {"TopicArn": "{id}"}
    tags_member = "Tags"
    tagging = Tagging("tag_resource", "untag_resource", ("ResourceArn", "{id}"))

    def _plain(self, properties: Properties) -> Properties:
        attributes = _topic_attributes(properties)
        plain: Properties = {"Name": properties["TopicName"]}
        if attributes:
            plain["Attributes"] = attributes
        if "DataProtectionPolicy" in properties:
            plain["DataProtectionPolicy"] = properties["DataProtectionPolicy"]
        return plain

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Set each attribute that changed."""
        before, after = _topic_attributes(old), _topic_attributes(new)
        for name in sorted(set(before) | set(after)):
            if before.get(name) != after.get(name):
                value = after.get(name, "")
                handle.call(
                    "sns", "set_topic_attributes", TopicArn=physical_id, AttributeName=name, AttributeValue=value
                )
        made = self.made(handle, physical_id, new, {})
        self.after(handle, made, old, new)
        return made

    def after(self, handle: Handle, made: Made, old: Properties, new: Properties) -> None:
        """Subscribe who is new; take away who is gone."""
        before, wanted = old.get("Subscription", []), new.get("Subscription", [])
        for item in wanted:
            if item not in before:
                handle.call("sns", "subscribe", TopicArn=made.physical_id, **item)
        gone = [(item["Protocol"], item["Endpoint"]) for item in before if item not in wanted]
        if gone:
            answer = handle.call("sns", "list_subscriptions_by_topic", TopicArn=made.physical_id)
            for subscription in answer["Subscriptions"]:
                if (subscription["Protocol"], subscription["Endpoint"]) in gone:
                    handle.call("sns", "unsubscribe", SubscriptionArn=subscription["SubscriptionArn"])


def _topic_attributes(properties: Properties) -> dict[str, str]:
    names = {name: _text(properties[name]) for name in TOPIC_ATTRIBUTES if name in properties}
    if "TracingConfig" in properties:
        names["TracingConfig"] = str(properties["TracingConfig"])
    return names


SUBSCRIPTION_ATTRIBUTES = words(
    "DeliveryPolicy FilterPolicy FilterPolicyScope RawMessageDelivery RedrivePolicy ReplayPolicy SubscriptionRoleArn"
)


class Subscription(ApiType):
    """A subscription of a topic; Ref gives its ARN."""

    name = "AWS::SNS::Subscription"
    service = "sns"
    properties = SUBSCRIPTION_ATTRIBUTES | words("Endpoint Protocol TopicArn")
    required = words("Protocol TopicArn")
    create_only = words("Endpoint Protocol TopicArn")
    create_call, update_call, delete_call = "subscribe", "set_subscription_attributes", "unsubscribe"
    ref = "{response[SubscriptionArn]}"
    getatt = {"Arn": "{id}"}
    delete_on = {"SubscriptionArn": "{id}"}

    def _plain(self, properties: Properties) -> Properties:
        plain = {k: v for k, v in properties.items() if k not in SUBSCRIPTION_ATTRIBUTES}
        attributes = {k: _text(v) for k, v in properties.items() if k in SUBSCRIPTION_ATTRIBUTES}
        return {**plain, "ReturnSubscriptionArn": True, **({"Attributes": attributes} if attributes else {})}

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Set each attribute that changed."""
        for name in sorted(SUBSCRIPTION_ATTRIBUTES):
            if old.get(name) != new.get(name):
                handle.call(
                    "sns",
                    "set_subscription_attributes",
                    SubscriptionArn=physical_id,
                    AttributeName=name,
                    AttributeValue=_text(new[name]) if name in new else "",
                )
        return self.made(handle, physical_id, new, {})


class _SharedPolicy(ResourceType):
    """A policy put on several things; Ref gives a generated id."""

    targets: str
    attributes = words("Id")

    @abstractmethod
    def put(self, handle: Handle, target: str, policy: str) -> None:
        """Set or (with "") remove the policy of one target."""

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Put the policy on each target."""
        policy = properties["PolicyDocument"]
        for target in properties[self.targets]:
            self.put(handle, target, policy if isinstance(policy, str) else json.dumps(policy))
        identifier = f"{handle.stack_name}-{handle.logical_id}-{secrets.token_hex(6).upper()}"
        return Made(identifier, {"Id": identifier})

    def update(self, handle: Handle, physical_id: str, old: Properties, new: Properties) -> Made:
        """Put the policy again, and remove it from what left."""
        self.create(handle, new)
        for target in set(old[self.targets]) - set(new[self.targets]):
            self._remove(handle, target)
        return Made(physical_id, {"Id": physical_id})

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Remove the policy from each target."""
        for target in properties[self.targets]:
            self._remove(handle, target)

    def _remove(self, handle: Handle, target: str) -> None:
        try:
            self.put(handle, target, "")
        except ServiceError as error:
            if not missing(error):
                raise


class TopicPolicy(_SharedPolicy):
    """The policy of topics."""

    name = "AWS::SNS::TopicPolicy"
    properties = words("PolicyDocument Topics")
    required = properties
    targets = "Topics"

    def put(self, handle: Handle, target: str, policy: str) -> None:
        """Set the topic's policy; removed, it is AWS's default for a topic's owner."""
        owner_only = {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Sid": "__default_statement_ID",
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": ["SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:Publish", "SNS:Subscribe"],
                    "Resource": target,
                    "Condition": {"StringEquals": {"AWS:SourceOwner": handle.endpoint.account}},
                }
            ],
        }
        value = policy or json.dumps(owner_only)
        handle.call("sns", "set_topic_attributes", TopicArn=target, AttributeName="Policy", AttributeValue=value)


class QueuePolicy(_SharedPolicy):
    """The policy of queues."""

    name = "AWS::SQS::QueuePolicy"
    properties = words("PolicyDocument Queues")
    required = properties
    targets = "Queues"

    def put(self, handle: Handle, target: str, policy: str) -> None:
        """Set the queue's policy."""
        handle.call("sqs", "set_queue_attributes", QueueUrl=target, Attributes={"Policy": policy})


QUEUE_ATTRIBUTES = words(
    "ContentBasedDeduplication DeduplicationScope DelaySeconds FifoQueue FifoThroughputLimit "
    "KmsDataKeyReusePeriodSeconds KmsMasterKeyId MaximumMessageSize MessageRetentionPeriod "
    "ReceiveMessageWaitTimeSeconds RedriveAllowPolicy RedrivePolicy SqsManagedSseEnabled VisibilityTimeout"
)


class Queue(ApiType):
    """A queue; Ref gives its URL."""

    name = "AWS::SQS::Queue"
    service = "sqs"
    properties = QUEUE_ATTRIBUTES | words("QueueName Tags")
    create_only = words("FifoQueue QueueName")
    naming = Naming("QueueName", 80)
    create_call, update_call, delete_call = "create_queue", "set_queue_attributes", "delete_queue"
    ref = "{response[QueueUrl]}"
    getatt = {
        "Arn": "arn:{partition}:sqs:{region}:{account}:{QueueName}",
        "QueueName": "{QueueName}",
        "QueueUrl": "{id}",
    }
    delete_on = {"QueueUrl": "{id}"}
    tags_member = "tags"
    tagging = Tagging("tag_queue", "untag_queue", ("QueueUrl", "{id}"))

    def _plain(self, properties: Properties) -> Properties:
        attributes = {k: _text(v) for k, v in properties.items() if k in QUEUE_ATTRIBUTES}
        return {"QueueName": properties["QueueName"], **({"Attributes": attributes} if attributes else {})}

    def create_members(self, handle: Handle, properties: Properties) -> Members:
        """SQS takes its tags as a map."""
        members = shapes.to_members("sqs", "create_queue", self._plain(properties))
        tags = merged_tags(handle, properties.get("Tags"))
        return {**members, "tags": tags} if tags else members

    def update_members(self, handle: Handle, physical_id: str, new: Properties) -> Members:
        """All attributes but the one that cannot change."""
        attributes = {k: v for k, v in self._plain(new).get("Attributes", {}).items() if k != "FifoQueue"}
        # The record keeper drops a policy that a request does not repeat; AWS keeps it.
        kept = handle.call("sqs", "get_queue_attributes", QueueUrl=physical_id, AttributeNames=["Policy"])
        attributes |= kept.get("Attributes", {})
        return {"QueueUrl": physical_id, "Attributes": attributes}
