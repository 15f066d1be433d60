"""What a resource is now, in the terms of its properties: one describing call a type, by a table.

A property is compared where the service tells it under the same name (in any case); what it does not tell, and what
the template does not say, is not compared, as on AWS. Types that are not in the table are NOT_CHECKED.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.resource_type import Handle, Properties
from headwater.local.services.cloudformation.types_logs import metric_filter

Reader = Callable[[Handle, str, Properties], Properties]


def _one(service: str, operation: str, member: str, answer: str = "", form: str = "{id}") -> Reader:
    """Read by an operation that takes the physical id (in a format) and answers with the properties."""

    def read(handle: Handle, physical_id: str, declared: Properties) -> Properties:
        found = handle.call(service, operation, **{member: form.format_map({**declared, "id": physical_id})})
        return dict(found[answer] if answer else found)

    return read


def _role(handle: Handle, name: str, declared: Properties) -> Properties:
    found = dict(handle.call("iam", "get_role", RoleName=name)["Role"])
    names = handle.call("iam", "list_role_policies", RoleName=name)["PolicyNames"]
    documents = {
        n: _document(handle.call("iam", "get_role_policy", RoleName=name, PolicyName=n)["PolicyDocument"])
        for n in names
    }
    order = [policy["PolicyName"] for policy in declared.get("Policies", [])]
    ordered = sorted(documents, key=lambda n: (n not in order, order.index(n) if n in order else 0, n))
    attached = handle.call("iam", "list_attached_role_policies", RoleName=name)["AttachedPolicies"]
    return {
        **found,
        "AssumeRolePolicyDocument": _document(found["AssumeRolePolicyDocument"]),
        "Policies": [{"PolicyName": n, "PolicyDocument": documents[n]} for n in ordered],
        "ManagedPolicyArns": sorted(policy["PolicyArn"] for policy in attached),
    }


def _document(text: Any) -> Any:
    """A policy as IAM answers with it: URL-encoded JSON."""
    return json.loads(unquote(text)) if isinstance(text, str) else text


def _log_group(handle: Handle, name: str, declared: Properties) -> Properties:
    found = handle.call("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
    group = next((each for each in found if each["logGroupName"] == name), None)
    if group is None:  # listing what is not there is no error of the service's
        handle.call("logs", "describe_log_streams", logGroupName=name)
    return dict(group or {})


def _metric_filter(handle: Handle, name: str, declared: Properties) -> Properties:
    found = metric_filter(handle, declared["LogGroupName"], name)
    if found is None:
        raise ServiceError("ResourceNotFoundException", "The specified metric filter does not exist.")
    (told,) = found["metricTransformations"]
    pairs = [{"Key": key, "Value": value} for key, value in (told.get("dimensions") or {}).items()]
    return {**found, "metricTransformations": [{**told, "dimensions": pairs}]}


def _state_machine(handle: Handle, arn: str, declared: Properties) -> Properties:
    return dict(handle.call("stepfunctions", "describe_state_machine", stateMachineArn=arn))


def _bucket(handle: Handle, name: str, declared: Properties) -> Properties:
    handle.call("s3", "head_bucket", Bucket=name)
    found: Properties = {"BucketName": name}
    if "PublicAccessBlockConfiguration" in declared:
        blocked = handle.has("s3", "get_public_access_block", Bucket=name)
        found["PublicAccessBlockConfiguration"] = (
            handle.call("s3", "get_public_access_block", Bucket=name)["PublicAccessBlockConfiguration"]
            if blocked
            else dict.fromkeys(declared["PublicAccessBlockConfiguration"], False)
        )
    return found


def _bucket_policy(handle: Handle, name: str, declared: Properties) -> Properties:
    return {"PolicyDocument": handle.call("s3", "get_bucket_policy", Bucket=declared["Bucket"])["Policy"]}


def _database(handle: Handle, name: str, declared: Properties) -> Properties:
    return {"DatabaseInput": handle.call("glue", "get_database", Name=name)["Database"]}


READERS: Mapping[str, Reader] = {
    "AWS::Events::Rule": _one("events", "describe_rule", "Name", form="{Name}"),
    "AWS::Glue::Crawler": _one("glue", "get_crawler", "Name", "Crawler"),
    "AWS::Glue::Database": _database,
    "AWS::Glue::Job": _one("glue", "get_job", "JobName", "Job"),
    "AWS::IAM::Role": _role,
    "AWS::Lambda::Function": _one("lambda", "get_function_configuration", "FunctionName"),
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Logs::MetricFilter": _metric_filter,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::SageMaker::ModelPackageGroup": _one(
        "sagemaker", "describe_model_package_group", "ModelPackageGroupName", form="{ModelPackageGroupName}"
    ),
    "AWS::Scheduler::Schedule": _one("scheduler", "get_schedule", "Name", form="{Name}"),
    "AWS::StepFunctions::StateMachine": _state_machine,
}


def differences(declared: Properties, actual: Properties) -> list[tuple[str, Any, Any]]:
    """(path, expected, actual) of each declared property that the service tells otherwise."""
    told = {name.lower(): value for name, value in actual.items()}
    found = []
    for name in sorted(declared):
        if name != "Tags" and name.lower() in told and not _same(declared[name], told[name.lower()], name):
            found.append((f"/{name}", declared[name], told[name.lower()]))
    return found


def _same(expected: Any, actual: Any, name: str = "") -> bool:
    expected, actual = _parsed(expected), _parsed(actual)
    if isinstance(expected, dict) and isinstance(actual, dict):
        told = {key.lower(): value for key, value in actual.items()}
        return all(key.lower() in told and _same(value, told[key.lower()], key) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(_same(*pair) for pair in zip(expected, actual, strict=True))
    if isinstance(expected, list) != isinstance(actual, list):  # a policy's one action, written either way
        one, other = (each if isinstance(each, list) else [each] for each in (expected, actual))
        return _same(one, other)
    if name == "Role":  # an ARN, or the name that Glue keeps of it
        return str(expected).rpartition("/")[2] == str(actual).rpartition("/")[2]
    return _text(expected) == _text(actual)


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
