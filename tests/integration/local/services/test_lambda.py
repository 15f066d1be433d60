"""Functions through boto3: defined, run by AWS's own runtime client, changed, deleted."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.service import ServiceError

LIMIT_S = 30
ROLE = "arn:aws:iam::000000000000:role/function-role"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ECHO = "def handler(event, context):\n    return {'got': event, 'version': context.function_version}\n"
Clients = Callable[..., Any]


def bundle(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()


@pytest.fixture
def functions(aws: Clients) -> Any:
    aws("iam").create_role(RoleName="function-role", AssumeRolePolicyDocument=json.dumps(TRUST))
    return aws("lambda")


def create(functions: Any, code: str, name: str = "f", **members: Any) -> dict[str, Any]:
    defaults = {"Runtime": "python3.11", "Role": ROLE, "Handler": "main.handler", "Timeout": 10, "MemorySize": 256}
    result: dict[str, Any] = functions.create_function(
        FunctionName=name, **{**defaults, "Code": {"ZipFile": bundle(main=code)}, **members}
    )
    return result


def run(functions: Any, event: Any = None, name: str = "f", **members: Any) -> tuple[Any, dict[str, Any]]:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(event), **members)
    return json.loads(answer["Payload"].read()), answer


def refusal(function: Callable[..., Any], **members: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        function(**members)
    response = caught.value.response
    error = response["Error"]
    return error["Code"], error["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def log_messages(endpoint: LocalEndpoint, group: str = "/aws/lambda/f") -> list[str]:
    rows = endpoint.store.query("SELECT message FROM log_events WHERE log_group = ? ORDER BY id", (group,))
    return [row["message"] for row in rows]


def until(condition: Callable[[], Any]) -> Any:
    """Wait for what another thread does; fails after the limit."""
    deadline = time.monotonic() + LIMIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return value


def test_a_function_answers_and_logs(functions: Any, endpoint: LocalEndpoint) -> None:
    made = create(
        functions,
        "import logging\nlogging.getLogger().setLevel('INFO')\n"
        + ECHO.replace("    return", "    print('printed')\n    logging.info('logged %s', event)\n    return"),
    )
    assert made["State"] == "Active" and made["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    payload, answer = run(functions, {"a": [1, "é"]}, LogType="Tail")
    assert payload == {"got": {"a": [1, "é"]}, "version": "$LATEST"}
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] == "$LATEST" and "FunctionError" not in answer
    tail = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert re.fullmatch(
        rf"START RequestId: {request_id} Version: \$LATEST\n"
        r"printed\n"
        rf"\[INFO\]\t\S+Z\t{request_id}\tlogged {{'a': \[1, 'é'\]}}\n"
        rf"END RequestId: {request_id}\n"
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        tail,
    )
    until(lambda: "".join(log_messages(endpoint)).endswith(tail))
    streams = {row["log_stream"] for row in endpoint.store.query("SELECT log_stream FROM log_events")}
    assert len(streams) == 1 and re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", streams.pop())


def test_environments_are_reused_until_the_code_changes(functions: Any) -> None:
    create(functions, "import os\ndef handler(event, context):\n    return os.getpid()\n")
    first, again = run(functions)[0], run(functions)[0]
    assert first == again
    functions.update_function_code(FunctionName="f", ZipFile=bundle(main="def handler(e, c): return 'new'"))
    assert run(functions)[0] == "new"
    functions.update_function_configuration(
        FunctionName="f", Environment={"Variables": {"GREETING": "hello"}}, Handler="other.handler"
    )
    payload, answer = run(functions)
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ImportModuleError"
    assert payload["errorMessage"] == "Unable to import module 'other': No module named 'other'"


def test_concurrent_invocations_get_environments_of_their_own(functions: Any) -> None:
    create(functions, "import os, time\ndef handler(event, context):\n    time.sleep(0.5)\n    return os.getpid()\n")
    with ThreadPoolExecutor(3) as pool:
        pids = list(pool.map(lambda _: run(functions)[0], range(3)))
    assert len(set(pids)) == 3


def test_what_a_function_sees(functions: Any) -> None:
    code = (
        "import os, boto3\n"
        "def handler(event, context):\n"
        "    who = boto3.client('sts').get_caller_identity()['Arn']\n"
        "    return {'env': dict(os.environ), 'who': who, 'cwd': os.getcwd(), 'arn': context.invoked_function_arn,\n"
        "            'left': context.get_remaining_time_in_millis(), 'group': context.log_group_name}\n"
    )
    create(functions, code, Environment={"Variables": {"GREETING": "hello"}}, MemorySize=512)
    payload, _ = run(functions, {})
    env = payload["env"]
    assert payload["who"] == "arn:aws:sts::000000000000:assumed-role/function-role/f"
    assert payload["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert 0 < payload["left"] <= 10_000 and payload["group"] == "/aws/lambda/f"
    assert env["GREETING"] == "hello" and env["TZ"] == ":UTC" and env["_HANDLER"] == "main.handler"
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11" and env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert env["LAMBDA_TASK_ROOT"] == payload["cwd"] and env["AWS_LAMBDA_FUNCTION_NAME"] == "f"


def test_an_exception_is_reported_in_awss_format(functions: Any) -> None:
    create(functions, "def handler(event, context):\n    raise ValueError('no good')\n")
    payload, answer = run(functions, {})
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    assert (payload["errorMessage"], payload["errorType"]) == ("no good", "ValueError")
    assert payload["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert payload["stackTrace"][0].startswith('  File "/var/task/')
    assert "line 2, in handler\n    raise ValueError('no good')\n" in payload["stackTrace"][0]


def test_time_out(functions: Any) -> None:
    create(
        functions, "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'slept'\n", Timeout=1
    )
    payload, answer = run(functions, 30, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds",
    }
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert re.search(rf"\d{{4}}-\S+Z {request_id} Task timed out after 1.00 seconds\n\n", tail)
    assert "Duration: 1000.00 ms\tBilled Duration: " in tail and "Status: timeout" in tail
    assert run(functions, 0)[0] == "slept", "a new environment serves the next one"


@pytest.mark.parametrize("then", ["time.sleep(20)", "pass"], ids=["held", "given back at once"])
def test_memory_limit(functions: Any, then: str) -> None:
    code = f"import time\ndef handler(event, context):\n    x = b'x' * (400 << 20)\n    {then}\n    return len(x)\n"
    create(functions, code, MemorySize=128)
    payload, answer = run(functions, {}, LogType="Tail")
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert payload == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    assert "Max Memory Used: 128 MB\t" in base64.b64decode(answer["LogResult"]).decode()


def test_a_runtime_that_exits(functions: Any) -> None:
    create(functions, "import os\ndef handler(event, context):\n    os._exit(event)\n")
    payload, answer = run(functions, 3)
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert payload == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 3",
    }
    assert run(functions, 0)[0]["errorMessage"].endswith("Error: Runtime exited without providing a reason")


def test_payload_limits(functions: Any) -> None:
    create(functions, "def handler(event, context):\n    return 'x' * event\n")
    code, message, status = refusal(functions.invoke, FunctionName="f", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert (code, status) == ("RequestEntityTooLargeException", 413)
    assert message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    payload, answer = run(functions, 6_300_000)
    assert answer["FunctionError"] == "Unhandled"
    assert payload == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert len(run(functions, 6_000_000)[0]) == 6_000_000
    assert refusal(functions.invoke, FunctionName="f", Payload=b"{no")[0] == "InvalidRequestContentException"


def test_dry_run_and_absent_payload(functions: Any) -> None:
    create(functions, ECHO)
    assert functions.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    answer = functions.invoke(FunctionName="f")
    assert json.loads(answer["Payload"].read())["got"] == {}


def test_missing_functions_and_names(functions: Any) -> None:
    expected = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:absent"
    for call in (functions.invoke, functions.get_function, functions.delete_function, functions.list_aliases):
        assert refusal(call, FunctionName="absent") == ("ResourceNotFoundException", expected, 404)
    create(functions, ECHO)
    assert refusal(functions.get_function, FunctionName="f", Qualifier="7")[1].endswith(":function:f:7")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert functions.get_function(FunctionName="000000000000:function:f")["Configuration"]["FunctionArn"] == arn
    assert functions.get_function(FunctionName=arn)["Configuration"]["FunctionArn"] == arn
    assert refusal(functions.get_function, FunctionName="no good")[0] == "ValidationException"


def test_refusals_at_creation(functions: Any, aws: Clients) -> None:
    def why(**members: Any) -> tuple[str, str]:
        return refusal(lambda: create(functions, ECHO, **members))[:2]

    create(functions, ECHO, name="taken")
    assert why(name="taken") == ("ResourceConflictException", "Function already exist: taken")
    code, message = why(Runtime="nodejs20.x")
    assert code == "InvalidParameterValueException" and "nodejs20.x is refused" in message
    assert why(Role="arn:aws:iam::000000000000:role/nobody") == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    assert why(Timeout=901)[0] == "ValidationException"
    assert "PackageType Image is refused" in why(PackageType="Image", Code={"ImageUri": "x"})[1]
    assert why(Code={"ZipFile": b"no zip"})[1].startswith("Could not unzip uploaded file.")
    assert "AWS_REGION" in why(Environment={"Variables": {"AWS_REGION": "x"}})[1]
    assert "S3 Error Code: NoSuchBucket" in why(Code={"S3Bucket": "nowhere-at-all", "S3Key": "k"})[1]
    assert [f["FunctionName"] for f in functions.list_functions()["Functions"]] == ["taken"]


def test_code_from_s3(functions: Any, aws: Clients) -> None:
    aws("s3").create_bucket(Bucket="packages")
    aws("s3").put_object(Bucket="packages", Key="f.zip", Body=bundle(main=ECHO))
    create(functions, "", Code={"S3Bucket": "packages", "S3Key": "f.zip"})
    assert run(functions, 1)[0]["got"] == 1


def test_versions_aliases_and_paging(functions: Any) -> None:
    create(functions, ECHO)
    assert functions.publish_version(FunctionName="f")["Version"] == "1"
    assert functions.publish_version(FunctionName="f")["Version"] == "1", "nothing changed"
    functions.update_function_code(FunctionName="f", ZipFile=bundle(main=ECHO + "# changed"), Publish=True)
    versions = functions.get_paginator("list_versions_by_function").paginate(
        FunctionName="f", PaginationConfig={"PageSize": 1}
    )
    assert [v["Version"] for page in versions for v in page["Versions"]] == ["$LATEST", "1", "2"]
    alias = functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert alias["AliasArn"].endswith(":function:f:live")
    payload, answer = run(functions, {}, name="f:live")
    assert payload["version"] == "1" and answer["ExecutedVersion"] == "1"
    functions.update_alias(FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    assert run(functions, {}, Qualifier="live")[0]["version"] == "2"
    assert refusal(functions.delete_function, FunctionName="f", Qualifier="1")[0] == "ResourceConflictException"
    functions.delete_alias(FunctionName="f", Name="live")
    functions.delete_function(FunctionName="f", Qualifier="1")
    assert refusal(functions.invoke, FunctionName="f:1")[0] == "ResourceNotFoundException"
    functions.delete_function(FunctionName="f")
    assert functions.list_functions()["Functions"] == []


def test_layers_are_importable(functions: Any) -> None:
    layer = functions.publish_layer_version(
        LayerName="common", Content={"ZipFile": bundle(python__shared="VALUE = 'from the layer'")}
    )
    code = "import shared\ndef handler(event, context):\n    return shared.VALUE\n"
    made = create(functions, code, Layers=[layer["LayerVersionArn"]])
    assert [used["Arn"] for used in made["Layers"]] == [layer["LayerVersionArn"]]
    assert run(functions)[0] == "from the layer"
    assert functions.list_layers()["Layers"][0]["LatestMatchingVersion"]["Version"] == 1


def test_policy_tags_and_reserved_concurrency(functions: Any) -> None:
    arn = create(functions, "import time\ndef handler(e, c):\n    time.sleep(e)\n", Tags={"a": "1"})["FunctionArn"]
    functions.add_permission(
        FunctionName="f", StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    statement = json.loads(functions.get_policy(FunctionName="f")["Policy"])["Statement"][0]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"} and statement["Resource"] == arn
    functions.remove_permission(FunctionName="f", StatementId="s")
    assert refusal(functions.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"
    functions.tag_resource(Resource=arn, Tags={"b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert refusal(functions.invoke, FunctionName="f", Payload="0")[:2] == (
        "TooManyRequestsException",
        "Rate Exceeded.",
    )
    functions.delete_function_concurrency(FunctionName="f")
    assert run(functions, 0)[0] is None


def test_events_run_and_report(functions: Any, aws: Clients, endpoint: LocalEndpoint) -> None:
    queue = aws("sqs").create_queue(QueueName="ends")["QueueUrl"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:000000000000:ends"}
        ],
    }
    aws("iam").put_role_policy(RoleName="function-role", PolicyName="send", PolicyDocument=json.dumps(policy))
    create(functions, "def handler(event, context):\n    return 1 / event\n")
    target = {"Destination": "arn:aws:sqs:us-east-1:000000000000:ends"}
    functions.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=0, DestinationConfig={"OnSuccess": target, "OnFailure": target}
    )
    for payload in ("1", "0"):
        answer = functions.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
        assert answer["StatusCode"] == 202
    ends: list[dict[str, Any]] = []

    def both() -> bool:
        messages = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        ends.extend(json.loads(message["Body"]) for message in messages)
        return len(ends) == 2

    until(both)
    by_condition = {end["requestContext"]["condition"]: end for end in ends}
    assert by_condition["Success"]["responsePayload"] == 1.0
    assert by_condition["RetriesExhausted"]["responsePayload"]["errorType"] == "ZeroDivisionError"
    until(lambda: not endpoint.store.scan("lambda.event"))


def test_functions_and_waiting_events_survive_a_restart(tmp_path: Path) -> None:
    from tests.conftest import client_factory

    settings = EndpointSettings(home=tmp_path / "home")
    mark = tmp_path / "mark"
    first = LocalEndpoint(settings)
    first.start()
    try:
        aws = client_factory(first.url)
        aws("iam").create_role(RoleName="function-role", AssumeRolePolicyDocument=json.dumps(TRUST))
        create(aws("lambda"), f"def handler(event, context):\n    open({str(mark)!r}, 'a').write(event)\n")
        aws("lambda").put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
        aws("lambda").invoke(FunctionName="f", InvocationType="Event", Payload='"once"')
    finally:
        first.stop()
    second = LocalEndpoint(settings)
    second.start()
    try:
        client_factory(second.url)("lambda").delete_function_concurrency(FunctionName="f")
        until(mark.exists)
        until(lambda: not second.store.scan("lambda.event"))
        assert mark.read_text() == "once"
    finally:
        second.stop()


def test_an_invocation_that_a_stop_interrupts_is_no_answer_of_the_function(tmp_path: Path) -> None:
    live = LocalEndpoint(EndpointSettings(home=tmp_path / "home"))
    live.start()
    try:
        live.call("iam", "create_role", RoleName="function-role", AssumeRolePolicyDocument=json.dumps(TRUST))
        code = "import time\ndef handler(event, context):\n    print('running')\n    time.sleep(60)\n"
        package = {"ZipFile": bundle(main=code)}
        live.call(
            "lambda",
            "create_function",
            FunctionName="f",
            Runtime="python3.11",
            Role=ROLE,
            Handler="main.handler",
            Timeout=120,
            Code=package,
        )
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(live.call, "lambda", "invoke", FunctionName="f")
            until(lambda: "running\n" in log_messages(live))
            live.stop()
            with pytest.raises(ServiceError, match="Headwater.Interrupted: function f"):
                answer.result(LIMIT_S)
    finally:
        live.stop()


def test_a_start_removes_packages_that_nothing_needs(functions: Any, endpoint: LocalEndpoint) -> None:
    layer = functions.publish_layer_version(LayerName="common", Content={"ZipFile": bundle(python__shared="V = 1")})
    create(functions, ECHO, Layers=[layer["LayerVersionArn"]])
    functions.publish_version(FunctionName="f")
    functions.update_function_code(FunctionName="f", ZipFile=bundle(main="# second"))
    functions.update_function_code(FunctionName="f", ZipFile=bundle(main=ECHO + "# third"))
    folder = endpoint.home / "lambda"
    (folder / "f" / ".half").mkdir()
    assert len(list((folder / "f").iterdir())) == 7
    endpoint._services["lambda"].start()
    assert len(list((folder / "f").iterdir())) == 4, "the code of $LATEST and of version 1"
    assert len(list((folder / ".layers" / "common").iterdir())) == 2
    assert run(functions, 1)[0]["version"] == "$LATEST" and run(functions, 1, name="f:1")[0]["version"] == "1"


KILLED = """
import json, sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
home, package, trust, role, mark = sys.argv[1:]
live = LocalEndpoint(EndpointSettings(home=Path(home)))
live.start()
live.call("iam", "create_role", RoleName="function-role", AssumeRolePolicyDocument=trust)
live.call("lambda", "create_function", FunctionName="f", Runtime="python3.11", Role=role, Handler="main.handler",
          Code={"ZipFile": Path(package).read_bytes()}, Environment={"Variables": {"MARK": mark}})
environment = live.call("lambda", "invoke", FunctionName="f", Payload=b'""')["Payload"].decode()
live.call("lambda", "put_function_concurrency", FunctionName="f", ReservedConcurrentExecutions=0)
live.call("lambda", "invoke", FunctionName="f", InvocationType="Event", Payload=b'"after the kill"')
print(environment, flush=True)
sys.stdin.read()
"""


def test_kill_9_ends_the_environments_and_loses_no_event(tmp_path: Path) -> None:
    package, mark = tmp_path / "f.zip", tmp_path / "mark"
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    with open(os.environ['MARK'], 'a') as mark:\n"
        "        mark.write(event)\n"
        "    return os.getpid()\n"
    )
    package.write_bytes(bundle(main=code))
    arguments = [str(tmp_path / "home"), str(package), json.dumps(TRUST), ROLE, str(mark)]
    with subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            environment = int(process.stdout.readline())
        finally:
            process.kill()
    until(lambda: not psutil.pid_exists(environment))
    live = LocalEndpoint(EndpointSettings(home=tmp_path / "home"))
    live.start()
    try:
        assert mark.read_text() == ""
        live.call("lambda", "delete_function_concurrency", FunctionName="f")
        until(lambda: not live.store.scan("lambda.event"))
        assert mark.read_text() == "after the kill"
    finally:
        live.stop()
