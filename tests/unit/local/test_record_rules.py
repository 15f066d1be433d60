"""Where AWS refuses or answers and moto does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.record_rules import check_record, mend_answer
from headwater.local.service import ServiceError
from headwater.local.wire import HttpResponse

FIFO = "arn:aws:sns:us-east-1:000000000000:t.fifo"


@pytest.mark.parametrize(
    ("service", "operation", "members", "code", "message"),
    [
        ("dynamodb", "PutItem", {"TableName": "/t"}, "ValidationException", "Value '/t' at 'tableName' failed to"),
        ("secretsmanager", "CreateSecret", {"Name": "a b"}, "ValidationException", "Invalid name. Must be a valid"),
        ("sns", "Publish", {"TopicArn": FIFO, "Message": "m"}, "InvalidParameter", "The MessageGroupId parameter"),
        ("sns", "Publish", {"TopicArn": FIFO, "Message": ""}, "InvalidParameter", "Invalid parameter: Empty message"),
        ("sns", "Publish", {"TopicArn": "t", "Message": "m"}, "InvalidParameter", "Invalid parameter: TopicArn"),
        ("sns", "Publish", {"Message": "m"}, "InvalidParameter", "TopicArn or TargetArn Reason: no value for required"),
        ("sqs", "SendMessage", {"MessageBody": ""}, "MissingParameter", "must contain the parameter MessageBody."),
    ],
)
def test_what_aws_refuses(service: str, operation: str, members: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(ServiceError) as refused:
        check_record(service, operation, members)
    assert refused.value.code == code
    assert message in refused.value.message


def test_what_aws_takes() -> None:
    check_record("dynamodb", "GetItem", {"TableName": "arn:aws:dynamodb:us-east-1:1:table/t"})
    check_record("secretsmanager", "CreateSecret", {"Name": "a/b_c+d=e.f@g!-1"})
    check_record("sns", "Publish", {"TopicArn": FIFO, "Message": "m", "MessageGroupId": "g"})
    check_record("sns", "Publish", {"PhoneNumber": "+100", "Message": "m"})


@pytest.mark.parametrize(("asked", "shown"), [({}, False), ({"ReturnConsumedCapacity": "TOTAL"}, True)])
def test_an_update_says_what_it_consumed_when_asked(asked: dict[str, Any], shown: bool) -> None:
    answer = HttpResponse(200, {}, b'{"Attributes": {}, "ConsumedCapacity": {"TableName": "t"}}')
    mended = mend_answer("dynamodb", "UpdateItem", asked, answer, 1)
    assert ("ConsumedCapacity" in json.loads(mended.body)) is shown


def test_an_error_is_not_given_as_a_client_prints_it() -> None:
    text = b"Invalid parameter: Message too long"
    answer = HttpResponse(400, {}, b"An error occurred (InvalidParameter) when calling the Publish operation: " + text)
    assert mend_answer("sns", "Publish", {"TopicArn": FIFO}, answer, 1).body == text


def test_a_fifo_topic_numbers_its_messages() -> None:
    answer = HttpResponse(200, {}, b"<R><MessageId>m</MessageId></R>")
    bodies = [mend_answer("sns", "Publish", {"TopicArn": FIFO}, answer, at).body.decode() for at in (1, 2)]
    assert "<MessageId>m</MessageId><SequenceNumber>10000000000000001000</SequenceNumber>" in bodies[0]
    assert bodies[0] < bodies[1]
    assert mend_answer("sns", "Publish", {"TopicArn": FIFO[:-5]}, answer, 1) is answer
