"""State machines, versions, aliases, tags, express executions and pages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headwater.local.service import ServiceError
from tests.unit.local.services.states.harness import ROLE, SmallEndpoint, chain

PASS = {"Type": "Pass"}


def text(result: Any) -> str:
    return json.dumps(chain(("p", {**PASS, "Result": result})))


def test_creating_the_same_again_answers_the_same(small: SmallEndpoint) -> None:
    first = small.sfn("create_state_machine", name="m", definition=text(1), roleArn=ROLE)
    assert small.sfn("create_state_machine", name="m", definition=text(1), roleArn=ROLE) == first
    with pytest.raises(ServiceError, match="StateMachineAlreadyExists"):
        small.sfn("create_state_machine", name="m", definition=text(2), roleArn=ROLE)


@pytest.mark.parametrize("name", ["a b", "a/b"])
def test_names_that_aws_refuses(small: SmallEndpoint, name: str) -> None:
    with pytest.raises(ServiceError, match="InvalidName"):
        small.sfn("create_state_machine", name=name, definition=text(1), roleArn=ROLE)


def test_an_update_leaves_running_executions_their_definition(small: SmallEndpoint) -> None:
    slow = chain(("nap", {"Type": "Wait", "Seconds": 1}), ("p", {**PASS, "Result": 1}))
    arn = small.begin(slow)
    machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    small.sfn("update_state_machine", stateMachineArn=machine, definition=text(2))
    assert small.wait(arn)["output"] == "1"
    described = small.sfn("describe_state_machine_for_execution", executionArn=arn)
    assert json.loads(described["definition"]) == slow
    second = small.sfn("start_execution", stateMachineArn=machine)["executionArn"]
    assert small.wait(second)["output"] == "2"


def test_versions_and_aliases_choose_what_runs(small: SmallEndpoint) -> None:
    made = small.sfn("create_state_machine", name="m", definition=text(1), roleArn=ROLE, publish=True)
    machine, first = made["stateMachineArn"], made["stateMachineVersionArn"]
    small.sfn("update_state_machine", stateMachineArn=machine, definition=text(2))
    second = small.sfn("publish_state_machine_version", stateMachineArn=machine)["stateMachineVersionArn"]
    alias = small.sfn(
        "create_state_machine_alias",
        name="live",
        routingConfiguration=[{"stateMachineVersionArn": first, "weight": 100}],
    )["stateMachineAliasArn"]
    started = small.sfn("start_execution", stateMachineArn=alias)["executionArn"]
    ended = small.wait(started)
    assert (ended["output"], ended["stateMachineAliasArn"], ended["stateMachineVersionArn"]) == ("1", alias, first)
    routing = [{"stateMachineVersionArn": second, "weight": 100}]
    small.sfn("update_state_machine_alias", stateMachineAliasArn=alias, routingConfiguration=routing)
    assert small.wait(small.sfn("start_execution", stateMachineArn=alias)["executionArn"])["output"] == "2"
    with pytest.raises(ServiceError, match="ConflictException"):
        small.sfn("delete_state_machine_version", stateMachineVersionArn=second)
    listed = small.sfn("list_state_machine_versions", stateMachineArn=machine)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in listed] == [second, first]


def test_tags(small: SmallEndpoint) -> None:
    arn = small.create(chain(("p", PASS)), tags=[{"key": "a", "value": "1"}])
    small.sfn("tag_resource", resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    small.sfn("untag_resource", resourceArn=arn, tagKeys=["a"])
    assert small.sfn("list_tags_for_resource", resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]


def test_an_express_execution_answers_at_its_end(small: SmallEndpoint) -> None:
    machine = small.create(chain(("p", {**PASS, "Parameters": {"got.$": "$.n"}})), type="EXPRESS")
    answer = small.sfn("start_sync_execution", stateMachineArn=machine, input='{"n": 1}')
    assert (answer["status"], answer["output"]) == ("SUCCEEDED", '{"got":1}')
    with pytest.raises(ServiceError, match="InvalidArn"):
        small.sfn("describe_execution", executionArn=answer["executionArn"])
    standard = small.create(chain(("p", PASS)), name="standard")
    with pytest.raises(ServiceError, match="StateMachineTypeNotSupported"):
        small.sfn("start_sync_execution", stateMachineArn=standard)


@pytest.mark.parametrize(
    ("own", "limit_ms"), [({}, 300_000), ({"TimeoutSeconds": 900}, 300_000), ({"TimeoutSeconds": 60}, 60_000)]
)
def test_an_express_execution_has_five_minutes_at_most(
    small: SmallEndpoint, own: dict[str, Any], limit_ms: int
) -> None:
    nap = {**chain(("nap", {"Type": "Wait", "Seconds": 600})), **own}
    arn = small.begin(nap, type="EXPRESS")
    execution = small.states.runtime.engine.executions[arn]
    assert limit_ms <= execution.deadline_ms - execution.record_.started_ms < limit_ms + 30_000


def test_a_name_is_taken_once(small: SmallEndpoint) -> None:
    machine = small.create(chain(("p", PASS)))
    arn = small.sfn("start_execution", stateMachineArn=machine, name="run")["executionArn"]
    small.wait(arn)
    with pytest.raises(ServiceError, match="ExecutionAlreadyExists"):
        small.sfn("start_execution", stateMachineArn=machine, name="run")


def test_executions_are_listed_newest_first_in_pages(small: SmallEndpoint) -> None:
    machine = small.create(chain(("p", PASS)))
    arns = [small.sfn("start_execution", stateMachineArn=machine)["executionArn"] for _ in range(7)]
    for arn in arns:
        small.wait(arn)
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = small.sfn("list_executions", stateMachineArn=machine, maxResults=3, statusFilter="SUCCEEDED", **token)
        found += [execution["executionArn"] for execution in page["executions"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert sorted(found) == sorted(arns) and len(found) == 7
    with pytest.raises(ServiceError, match="InvalidToken"):
        small.sfn("list_executions", stateMachineArn=machine, nextToken="?")


def test_deleting_a_machine_stops_what_runs_of_it(small: SmallEndpoint) -> None:
    arn = small.begin(chain(("nap", {"Type": "Wait", "Seconds": 600})))
    machine = arn.replace(":execution:", ":stateMachine:").rpartition(":")[0]
    small.sfn("delete_state_machine", stateMachineArn=machine)
    assert small.wait(arn)["status"] == "ABORTED"
    with pytest.raises(ServiceError, match="StateMachineDoesNotExist"):
        small.sfn("describe_state_machine", stateMachineArn=machine)


@pytest.mark.parametrize("input", ["{", "nan,", "NaN", "[-Infinity]", "[" * 100_000, '"\ud800"'])
def test_input_that_aws_refuses(small: SmallEndpoint, input: str) -> None:
    machine = small.create(chain(("p", PASS)))
    with pytest.raises(ServiceError, match="InvalidExecutionInput"):
        small.sfn("start_execution", stateMachineArn=machine, input=input)


VALUES = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("input", "problem"),
    [
        ("", "Invalid execution input."),
        ("not some json", f"Unrecognized token 'not': was expecting {VALUES}"),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
    ],
)
def test_input_that_is_no_json_is_refused_in_awss_words(small: SmallEndpoint, input: str, problem: str) -> None:
    machine = small.create(chain(("p", PASS)))
    with pytest.raises(ServiceError) as refused:
        small.sfn("start_execution", stateMachineArn=machine, input=input)
    assert refused.value.message == f"Invalid State Machine Execution Input: '{problem}'"


@pytest.mark.parametrize(
    ("operation", "member"),
    [
        ("describe_execution", "executionArn"),
        ("describe_state_machine", "stateMachineArn"),
        ("get_execution_history", "executionArn"),
        ("list_executions", "stateMachineArn"),
    ],
)
def test_what_is_no_arn_is_refused(small: SmallEndpoint, operation: str, member: str) -> None:
    with pytest.raises(ServiceError) as refused:
        small.sfn(operation, **{member: "not_an_arn"})
    assert (refused.value.code, refused.value.message) == (
        "InvalidArn",
        "Invalid Arn: 'Invalid ARN prefix: not_an_arn'",
    )


def test_a_seeded_random_number_is_javas(small: SmallEndpoint) -> None:
    machine = chain(("p", {"Type": "Pass", "Output": "{% $random(42) %}"}), QueryLanguage="JSONata")
    assert json.loads(small.run(machine)["output"]) == 0.7275636800328681
