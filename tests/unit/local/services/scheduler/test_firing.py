"""What is due fires once, at its moment; what nobody was here for is passed over. The test sets the clock."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.local.identity import Identity
from headwater.local.identity.documents import statements_of
from headwater.local.identity.evaluation import service_may_assume
from headwater.local.service import Call, Members, ServiceError
from headwater.local.services.scheduler import SchedulerService
from headwater.local.store import Store

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MACHINE = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:m"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
OFF = {"Mode": "OFF"}


class World:
    """The endpoint, with the services that a schedule calls; ``failures`` are raised first."""

    region, account = "us-east-1", ACCOUNT
    resume_work = fires_schedules = True

    def __init__(self, store: Store) -> None:
        self.store = store
        self.identity = Identity(store, ACCOUNT, "test", "test")
        self.trust: Members = TRUST
        self.failures: list[ServiceError] = []
        self.calls: list[tuple[str, Members]] = []
        self.called = threading.Event()

    def assume(self, role_arn: str, session_name: str, *, service: str, source_arn: str) -> Any:
        if not service_may_assume(statements_of(self.trust), role_arn, service):
            raise ServiceError("AccessDenied", f"{service} may not assume {role_arn}", 403)
        return self.identity.assume(role_arn, session_name)

    def call(self, service: str, operation: str, *, principal: Any = None, **members: Any) -> Members:
        if operation == "get_role":
            return {"Role": {"AssumeRolePolicyDocument": self.trust}}
        if service == "iam":
            return {"PolicyNames": [], "AttachedPolicies": []}
        if operation == "get_queue_url":
            return {"QueueUrl": members["QueueName"]}
        assert principal.role_arn == ROLE
        if operation != "send_message" and self.failures:
            raise self.failures.pop(0)
        self.calls.append((operation, members))
        self.called.set()
        return {"FailedEntryCount": 0}


class SetClock:
    """A clock that only the test moves."""

    def __init__(self, moment: str) -> None:
        self.set(moment)

    def set(self, moment: str) -> None:
        self.time_s = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def now(self) -> float:
        return self.time_s

    def wait(self, changed: threading.Condition, until_s: float | None) -> None:
        raise AssertionError("the test fires by hand")


class Scheduler:
    """The service under test: made, called, fired by hand."""

    def __init__(self, world: World, moment: str) -> None:
        self.world = world
        self.clock = SetClock(moment)
        self.service = SchedulerService(world, self.clock)  # type: ignore[arg-type]
        self.service.firing.deliveries._first_pause_s = 0.01

    def do(self, operation: str, **members: Any) -> Members:
        call = Call("scheduler", operation, self.world.identity.person, "us-east-1", ACCOUNT, "id")
        answer: Members = getattr(self.service, operation)(call, **members)
        return answer

    def create(self, expression: str, name: str = "s", target: Members | None = None, **members: Any) -> None:
        given = {"Arn": MACHINE, "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>", **(target or {})}
        settings = {"FlexibleTimeWindow": OFF, **members}
        self.do("create_schedule", Name=name, ScheduleExpression=expression, Target=given, **settings)

    def at(self, moment: str) -> list[str]:
        """Set the clock, fire, and return what was sent since the last time: inputs or bodies."""
        self.clock.set(moment)
        self.service.firing.fire(self.clock.now())
        assert self.service.firing.deliveries.drain(10)
        sent = [members.get("input") or members.get("MessageBody") for _, members in self.world.calls]
        self.world.calls.clear()
        return [str(text) for text in sent]

    def next(self) -> str | None:
        found = self.service.firing.fire(0)
        return None if found is None else datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    store = Store(tmp_path / "state.sqlite")
    yield World(store)
    store.close()


@pytest.fixture
def scheduler(world: World) -> Iterator[Callable[[str], Scheduler]]:
    made: list[Scheduler] = []

    def make(moment: str) -> Scheduler:
        made.append(Scheduler(world, moment))
        return made[-1]

    yield make
    for each in made:
        each.service.stop()


Make = Callable[[str], Scheduler]


def test_a_cron_fires_once_at_each_moment(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:00")
    found.create("cron(0 6 * * ? *)")
    assert found.next() == "2026-11-25T06:00:00"
    assert found.at("2026-11-25T05:59:59") == []
    assert found.at("2026-11-25T06:00:01") == ["2026-11-25T06:00:00Z"]
    assert found.at("2026-11-25T06:00:02") == []
    assert found.at("2026-11-26T06:00:00") == ["2026-11-26T06:00:00Z"]


def test_a_rate_begins_at_once_and_keeps_its_beat(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:10")
    found.create("rate(5 minutes)")
    assert found.at("2026-11-25T05:00:10") == ["2026-11-25T05:00:10Z"]
    assert found.at("2026-11-25T05:06:00") == ["2026-11-25T05:05:10Z"]
    assert found.next() == "2026-11-25T05:10:10"


def test_a_rate_begins_at_its_start_date(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:00")
    start = datetime(2026, 11, 26, tzinfo=UTC)
    found.create("rate(1 day)", StartDate=start, EndDate=datetime(2026, 11, 27, 12, tzinfo=UTC))
    assert found.next() == "2026-11-26T00:00:00"
    assert found.at("2026-11-26T00:00:00") == ["2026-11-26T00:00:00Z"]
    assert found.at("2026-11-27T00:00:00") == ["2026-11-27T00:00:00Z"]
    assert found.next() is None


def test_a_one_time_schedule_is_deleted_after_it(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:00")
    zoned = {"ScheduleExpressionTimezone": "Europe/Berlin", "ActionAfterCompletion": "DELETE"}
    found.create("at(2026-11-25T06:30:00)", **zoned)
    found.create("at(2026-11-25T06:30:00)", name="kept")
    assert found.at("2026-11-25T05:30:00") == ["2026-11-25T05:30:00Z"]
    assert [each["Name"] for each in found.do("list_schedules")["Schedules"]] == ["kept"]


def test_a_new_process_neither_fires_twice_nor_forgets(scheduler: Make) -> None:
    before = scheduler("2026-11-25T05:00:00")
    before.create("cron(0 * * * ? *)")
    assert before.at("2026-11-25T06:00:01") == ["2026-11-25T06:00:00Z"]
    after = scheduler("2026-11-25T06:00:02")
    after.service.firing.pass_over(after.clock.now())
    assert after.at("2026-11-25T06:59:59") == []
    assert after.at("2026-11-25T07:00:00") == ["2026-11-25T07:00:00Z"]


def test_what_fell_due_while_nobody_was_here_is_passed_over(scheduler: Make) -> None:
    scheduler("2026-11-25T05:00:00").create("cron(0 * * * ? *)")
    after = scheduler("2026-11-25T09:30:00")
    after.service.firing.pass_over(after.clock.now())
    assert after.at("2026-11-25T09:30:00") == []
    assert after.next() == "2026-11-25T10:00:00"


def test_within_the_minute_of_its_precision_it_still_fires(scheduler: Make) -> None:
    scheduler("2026-11-25T05:00:00").create("cron(0 * * * ? *)")
    after = scheduler("2026-11-25T06:00:45")
    after.service.firing.pass_over(after.clock.now())
    assert after.at("2026-11-25T06:00:45") == ["2026-11-25T06:00:00Z"]


def test_a_suspended_machine_fires_the_latest_within_the_events_age(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:00")
    found.create("cron(0 * * * ? *)")
    found.create("cron(0 6 * * ? *)", name="aged", target={"RetryPolicy": {"MaximumEventAgeInSeconds": 3600}})
    assert found.at("2026-11-25T09:30:00") == ["2026-11-25T09:00:00Z"]
    assert found.next() == "2026-11-25T10:00:00"


def test_disabled_and_enabled_again(scheduler: Make) -> None:
    found = scheduler("2026-11-25T05:00:00")
    found.create("cron(0 * * * ? *)", State="DISABLED")
    assert found.next() is None
    target = {"Arn": MACHINE, "RoleArn": ROLE}
    found.do("update_schedule", Name="s", ScheduleExpression="cron(0 * * * ? *)", FlexibleTimeWindow=OFF, Target=target)
    (sent,) = found.at("2026-11-25T06:00:00")
    assert json.loads(sent)["source"] == "aws.scheduler" and json.loads(sent)["detail"] == "{}"


def test_a_window_is_kept_to(scheduler: Make, world: World) -> None:
    found = scheduler("2026-11-25T05:00:00")
    found.create("at(2026-11-25T06:00:00)", FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15})
    found.service.firing.fire(datetime(2026, 11, 25, 6, tzinfo=UTC).timestamp())
    waiting = [record for _, record in world.store.scan("scheduler.invocation")]
    begun = datetime(2026, 11, 25, 6, tzinfo=UTC).timestamp()
    assert all(begun <= record["due"] < begun + 900 for record in waiting) and len(waiting) + len(world.calls) == 1


def test_attempts_are_counted_and_what_fails_is_buried(scheduler: Make, world: World) -> None:
    found = scheduler("2026-11-25T05:00:00")
    world.failures = [ServiceError("ThrottlingException", "slow", 429)] * 2
    target = {
        "Input": "<aws.scheduler.attempt-number> <aws.scheduler.schedule-arn>",
        "RetryPolicy": {"MaximumRetryAttempts": 1},
        "DeadLetterConfig": {"Arn": QUEUE + "dead"},
    }
    found.create("at(2026-11-25T06:00:00)", target=target)
    found.clock.set("2026-11-25T06:00:00")
    found.service.firing.fire(found.clock.now())
    assert world.called.wait(10)
    ((_, members),) = world.calls
    told = {key: value["StringValue"] for key, value in members["MessageAttributes"].items()}
    assert members["QueueUrl"] == "dead"
    assert members["MessageBody"].endswith(f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/s")
    assert (told["ERROR_CODE"], told["EXHAUSTED_RETRY_CONDITION"]) == ("THROTTLING", "MaximumRetryAttempts")


def test_universal_targets_call_their_operation(scheduler: Make, world: World) -> None:
    found = scheduler("2026-11-25T05:00:00")
    given = json.dumps({"QueueUrl": "q", "MessageBody": "at <aws.scheduler.scheduled-time>"})
    found.create(
        "at(2026-11-25T06:00:00)", target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": given}
    )
    assert found.at("2026-11-25T06:00:00") == ["at 2026-11-25T06:00:00Z"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"ScheduleExpression": "cron(0 6 1 * * *)"}, "Invalid Schedule Expression cron(0 6 1 * * *)"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Invalid ScheduleExpressionTimezone Mars/Olympus"),
        ({"StartDate": datetime(2026, 11, 24, tzinfo=UTC)}, "cannot be earlier than 5 minutes ago"),
        ({"EndDate": datetime(2026, 11, 24, tzinfo=UTC)}, "The EndDate you specify"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"Target": {"Arn": "nothing", "RoleArn": ROLE}}, "Provided Arn is not in correct format"),
        ({"Target": {"Arn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/c", "RoleArn": ROLE}}, "refuses it"),
        ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:s3:listBuckets", "RoleArn": ROLE}}, "changes nothing"),
        ({"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:s3:makeTea", "RoleArn": ROLE}}, "no such operation"),
        ({"Target": {"Arn": QUEUE + "a.fifo", "RoleArn": ROLE}}, "MessageGroupId"),
        ({"Name": "no spaces"}, "failed to satisfy constraint"),
        ({"State": "ON"}, "failed to satisfy constraint"),
    ],
)
def test_bad_schedules_are_refused_in_words(scheduler: Make, members: Members, says: str) -> None:
    good = {
        "Name": "s",
        "ScheduleExpression": "rate(1 hour)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": MACHINE, "RoleArn": ROLE},
    }
    found = scheduler("2026-11-25T05:00:00")
    with pytest.raises(ServiceError, match="ValidationException") as refused:
        found.do("create_schedule", **{**good, **members})
    assert says in refused.value.message
    assert found.do("list_schedules")["Schedules"] == []


def test_a_role_that_does_not_trust_the_scheduler_is_refused(scheduler: Make, world: World) -> None:
    world.trust = {"Version": "2012-10-17", "Statement": []}
    with pytest.raises(ServiceError, match="must allow AWS EventBridge Scheduler to assume the role"):
        scheduler("2026-11-25T05:00:00").create("rate(1 hour)")
