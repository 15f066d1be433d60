"""The Resource Groups Tagging API, over services that really hold the tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from headwater.local.services.tagging.holders import HOLDERS, Holder, as_pairs, as_tags

DEMO = {"ResourceTag": "demo"}
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: holder.type)
def test_the_table_names_what_the_services_have(holder: Holder) -> None:
    client = boto3.client(holder.service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")

    def shape(operation: str) -> Any:
        return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])

    operation, held, asks, answers = holder.listing
    assert held in shape(operation).output_shape.members
    assert asks is None or asks in shape(operation).input_shape.members
    assert answers is None or answers in shape(operation).output_shape.members
    if "{" not in holder.arn:
        assert holder.arn in shape(operation).output_shape.members[held].member.members
    if holder.reading:
        operation, names, held = holder.reading
        assert names in shape(operation).input_shape.members
        assert held.split(".")[0] in shape(operation).output_shape.members
    if holder.writing:
        tag, untag, names, tags, keys = holder.writing
        assert {names, tags} <= set(shape(tag).input_shape.members)
        assert {names, keys} <= set(shape(untag).input_shape.members)


@pytest.mark.parametrize("pairs", ["map", "Key", "key"])
def test_each_shape_of_tags_can_be_read_back(pairs: str) -> None:
    assert as_tags(as_pairs({"a": "1", "b": ""}, pairs), pairs) == {"a": "1", "b": ""}


def make_some(aws: Callable[..., Any], tags: dict[str, str], name: str) -> set[str]:
    """One resource each of several services, tagged; returns their ARNs."""
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    lower = [{"key": key, "value": value} for key, value in tags.items()]
    aws("s3").create_bucket(Bucket=name)
    if tags:
        aws("s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": listed})
    aws("logs").create_log_group(logGroupName=f"/{name}", tags=tags)
    machine = aws("stepfunctions").create_state_machine(name=name, definition=PASS, roleArn=ROLE, tags=lower)
    rule = aws("events").put_rule(Name=name, EventPattern='{"source": ["x"]}', Tags=listed)
    queue = aws("sqs").create_queue(QueueName=name, tags=tags)["QueueUrl"]
    topic = aws("sns").create_topic(Name=name, Tags=listed)
    aws("glue").create_database(DatabaseInput={"Name": name}, Tags=tags)
    group = aws("sagemaker").create_model_package_group(ModelPackageGroupName=name, Tags=listed)
    attributes = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return {
        f"arn:aws:s3:::{name}",
        f"arn:aws:logs:us-east-1:000000000000:log-group:/{name}",
        machine["stateMachineArn"],
        rule["RuleArn"],
        attributes["Attributes"]["QueueArn"],
        topic["TopicArn"],
        f"arn:aws:glue:us-east-1:000000000000:database/{name}",
        group["ModelPackageGroupArn"],
    }


def found(aws: Callable[..., Any], **members: Any) -> set[str]:
    """The ARNs of every page."""
    pages = aws("resourcegroupstaggingapi").get_paginator("get_resources").paginate(**members)
    return {each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]}


def test_it_finds_what_bears_a_tag_over_all_services(aws: Callable[..., Any]) -> None:
    tagged = make_some(aws, DEMO, "tagged")
    other = make_some(aws, {"ResourceTag": "live"}, "other")
    make_some(aws, {}, "untagged")
    demo = [{"Key": "ResourceTag", "Values": ["demo"]}]
    assert found(aws, TagFilters=demo) == tagged
    assert found(aws, TagFilters=demo, ResourcesPerPage=3) == tagged
    assert found(aws, TagFilters=[{"Key": "ResourceTag"}]) == tagged | other
    assert found(aws, TagFilters=demo, ResourceTypeFilters=["s3", "sns:topic"]) == {
        arn for arn in tagged if arn.startswith(("arn:aws:s3", "arn:aws:sns"))
    }
    assert found(aws, ResourceARNList=sorted(other)[:2]) == set(sorted(other)[:2])
    tagging = aws("resourcegroupstaggingapi")
    assert tagging.get_tag_keys()["TagKeys"] == ["ResourceTag"]
    assert tagging.get_tag_values(Key="ResourceTag")["TagValues"] == ["demo", "live"]


def test_it_tags_and_untags_over_all_services(aws: Callable[..., Any]) -> None:
    arns = make_some(aws, DEMO, "lake")
    tagging = aws("resourcegroupstaggingapi")
    assert tagging.tag_resources(ResourceARNList=sorted(arns), Tags={"Keep": "yes"})["FailedResourcesMap"] == {}
    assert found(aws, TagFilters=[{"Key": "Keep", "Values": ["yes"]}, {"Key": "ResourceTag"}]) == arns
    assert tagging.untag_resources(ResourceARNList=sorted(arns), TagKeys=["ResourceTag"])["FailedResourcesMap"] == {}
    assert found(aws, TagFilters=[{"Key": "ResourceTag"}]) == set()
    assert found(aws, TagFilters=[{"Key": "Keep"}]) == arns


def test_a_resource_that_is_not_there_fails_by_name(aws: Callable[..., Any]) -> None:
    arn = "arn:aws:sns:us-east-1:000000000000:nothing"
    answer = aws("resourcegroupstaggingapi").tag_resources(ResourceARNList=[arn], Tags=DEMO)
    assert answer["FailedResourcesMap"][arn]["ErrorCode"] == "InvalidParameterException"


@pytest.mark.parametrize(
    "members",
    [
        {"ResourceARNList": ["arn:aws:s3:::a"], "TagFilters": [{"Key": "a"}]},
        {"ResourcesPerPage": 101},
        {"IncludeComplianceDetails": True},
    ],
)
def test_what_it_does_not_take_is_refused(aws: Callable[..., Any], members: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        aws("resourcegroupstaggingapi").get_resources(**members)
    assert refused.value.response["Error"]["Code"] in ("InvalidParameterException", "ValidationException")
