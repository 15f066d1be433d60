"""kill -9 around the end of an execution: its metrics are there once, and its alarm is raised and told once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from tests.conftest import client_factory

LIFE = """
import json, os, signal, sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint

endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))


def die(told):
    if told["status"] == "FAILED":
        os.kill(os.getpid(), signal.SIGKILL)


if sys.argv[2] == "committed":  # before anybody else hears of it
    endpoint.bus.subscribe("states.execution", die)
endpoint.start()
if sys.argv[2] == "committing":  # when all has been written
    endpoint.bus.subscribe("states.execution.commit", die)
if sys.argv[2] == "telling":  # when the alarm is in its new state, and nobody has been told
    watcher = endpoint.service("cloudwatch").watcher
    watcher.notifications.begin = lambda made: die({"status": "FAILED"}) if made else None
call = endpoint.call
topic = call("sns", "create_topic", Name="t")["TopicArn"]
call("sqs", "create_queue", QueueName="q")
call("sns", "subscribe", TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")
states = {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "End"}, "End": {"Type": "Fail", "Error": "Late"}}
machine = call(
    "stepfunctions", "create_state_machine", name="m", roleArn="arn:aws:iam::000000000000:role/none",
    definition=json.dumps({"StartAt": "Wait", "States": states}),
)["stateMachineArn"]
call(
    "cloudwatch", "put_metric_alarm", AlarmName="failed", Namespace="AWS/States", MetricName="ExecutionsFailed",
    Dimensions=[{"Name": "StateMachineArn", "Value": machine}], Statistic="Sum", Period=86400, EvaluationPeriods=1,
    Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData="notBreaching",
    AlarmActions=[topic],
)
call("stepfunctions", "start_execution", stateMachineArn=machine)
signal.pause()
"""
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:m"


@pytest.mark.parametrize("moment", ["committed", "committing", "telling"])
def test_an_end_is_counted_once_whenever_the_process_dies(tmp_path: Path, moment: str) -> None:
    killed = subprocess.run([sys.executable, "-c", LIFE, str(tmp_path), moment], timeout=120, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    endpoint = LocalEndpoint(EndpointSettings(home=tmp_path))
    endpoint.start()
    try:
        aws = client_factory(endpoint.url)
        sqs, cloudwatch = aws("sqs"), aws("cloudwatch")
        url = sqs.get_queue_url(QueueName="q")["QueueUrl"]
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        told = json.loads(json.loads(message["Body"])["Message"])
        assert (told["AlarmName"], told["NewStateValue"]) == ("failed", "ALARM")
        assert cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", []) == []
        now = datetime.fromtimestamp(time.time(), UTC)
        for name in ("ExecutionsStarted", "ExecutionsFailed", "ExecutionTime"):
            found = cloudwatch.get_metric_statistics(
                Namespace="AWS/States",
                MetricName=name,
                Dimensions=[{"Name": "StateMachineArn", "Value": MACHINE}],
                StartTime=now - timedelta(hours=1),
                EndTime=now + timedelta(hours=1),
                Period=86_400,
                Statistics=["SampleCount"],
            )
            assert [point["SampleCount"] for point in found["Datapoints"]] == [1.0], name
    finally:
        endpoint.stop()
