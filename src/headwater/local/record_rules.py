"""What AWS refuses, or answers, and moto does not: checked before a request becomes a record, and mended after.

Only what was seen in AWS's answers is here; everything else is moto's word.

Source: answers recorded on AWS (DynamoDB 2023-05, Secrets Manager and SQS 2023-06, SNS 2024-02), the DynamoDB API
reference ("UpdateItem", ReturnConsumedCapacity: none by default) and the SNS API reference ("Publish": Message may not
be empty; SequenceNumber of FIFO topics), read 2026-11-25.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from headwater.local.identity.policy_checks import trust_policy_problem
from headwater.local.service import Members, ServiceError
from headwater.local.wire import HttpResponse

_SECRET = re.compile(r"[-/_+=.@!A-Za-z0-9]+")
_NAMES_MAY_HAVE = (
    "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
)
_PRINTED = re.compile(rb"An error occurred \(\w+\) when calling the \w+ operation: ")
_TABLE = re.compile(r"[a-zA-Z0-9_.-]+")
_FIRST_SEQUENCE_NUMBER = 10**19


def check_record(service: str, operation: str, members: Members) -> None:
    """Refuse what AWS refuses and moto would keep. Raises :class:`ServiceError`."""
    if service == "dynamodb":
        _check_table(members)
    elif (service, operation) == ("secretsmanager", "CreateSecret"):
        name = members.get("Name")
        if isinstance(name, str) and not _SECRET.fullmatch(name):
            raise ServiceError("ValidationException", _NAMES_MAY_HAVE)
    elif service == "iam" and (problem := _trust_problem(operation, members)):
        raise ServiceError("MalformedPolicyDocument", problem)
    elif (service, operation) == ("iam", "CreateUser") and "PermissionsBoundary" in members:
        text = "Headwater keeps permissions boundaries of roles, and of no user: leave PermissionsBoundary out"
        raise ServiceError("InvalidInput", text)
    elif (service, operation) == ("sns", "Publish"):
        _check_publish(members)
    elif (service, operation) == ("sqs", "SendMessage") and members.get("MessageBody") == "":
        raise ServiceError("MissingParameter", "The request must contain the parameter MessageBody.")


def _trust_problem(operation: str, members: Members) -> str | None:
    member = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}.get(operation)
    return trust_policy_problem(str(members.get(member, ""))) if member else None


def _check_table(members: Members) -> None:
    name = members.get("TableName")
    if isinstance(name, str) and not name.startswith("arn:") and not _TABLE.fullmatch(name):
        text = (
            f"1 validation error detected: Value '{name}' at 'tableName' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {_TABLE.pattern}"
        )
        raise ServiceError("ValidationException", text)


def _check_publish(members: Members) -> None:
    topic = members.get("TopicArn") or members.get("TargetArn") or ""
    if members.get("Message") == "":
        raise ServiceError("InvalidParameter", "Invalid parameter: Empty message")
    if not topic and not members.get("PhoneNumber"):
        text = "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter"
        raise ServiceError("InvalidParameter", text)
    if topic and topic.count(":") < 5:
        raise ServiceError("InvalidParameter", "Invalid parameter: TopicArn")
    if topic.endswith(".fifo") and not members.get("MessageGroupId"):
        text = "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        raise ServiceError("InvalidParameter", text)


def mend_answer(service: str, operation: str, members: Members, response: HttpResponse, position: int) -> HttpResponse:
    """moto's answer as AWS would give it.

    Parameters
    ----------
    position:
        Of the request in the journal: it orders the messages of a FIFO topic.
    """
    topic = str(members.get("TopicArn") or "")
    if (service, operation) == ("dynamodb", "UpdateItem") and response.status < 300:
        if members.get("ReturnConsumedCapacity", "NONE") == "NONE":
            body: dict[str, Any] = json.loads(response.body)
            body.pop("ConsumedCapacity", None)
            return replace(response, body=json.dumps(body).encode())
    elif (service, operation) == ("sns", "Publish"):
        if response.status == 404 and topic:
            return replace(response, body=response.body.replace(b"Endpoint does not exist", b"Topic does not exist"))
        if response.status == 400:  # moto gives one of its texts as a client would print it
            return replace(response, body=_PRINTED.sub(b"", response.body))
        if response.status < 300 and topic.endswith(".fifo"):
            number = f"<SequenceNumber>{_FIRST_SEQUENCE_NUMBER + 1000 * position}</SequenceNumber>"
            return replace(response, body=response.body.replace(b"</MessageId>", b"</MessageId>" + number.encode(), 1))
    return response
