"""What is left of a stack operation when the endpoint is killed in its middle, and what the next start makes of it."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.service import ServiceError
from headwater.local.services.cloudformation.records import StackRecords
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES
from headwater.local.services.cloudformation.resource_type import Handle, Made, Properties
from headwater.local.services.cloudformation.types_messaging import Topic
from tests.conftest import client_factory
from tests.unit.local.services.cloudformation.conftest import reasons, settled

LIMIT_S = 20.0


class SlowTopic(Topic):
    """A topic that is really made, and then takes until it is released."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.release = threading.Event()

    def create(self, handle: Handle, properties: Properties) -> Made:
        """Make it; then wait."""
        made = super().create(handle, properties)
        self._wait()
        return made

    def delete(self, handle: Handle, physical_id: str, properties: Properties) -> None:
        """Wait; then delete it."""
        self._wait()
        super().delete(handle, physical_id, properties)

    def _wait(self) -> None:
        self.reached.set()
        if not self.release.wait(LIMIT_S):
            raise ServiceError("Timeout", "nobody released it")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowTopic:
    """The type ``AWS::SNS::TopicPolicy`` is a slow topic for this test."""
    kind = SlowTopic()
    monkeypatch.setitem(RESOURCE_TYPES, "AWS::SNS::TopicPolicy", kind)
    return kind


@contextmanager
def running(home: Path) -> Iterator[LocalEndpoint]:
    """An endpoint over a home."""
    endpoint = LocalEndpoint(EndpointSettings(home=home))
    endpoint.start()
    try:
        yield endpoint
    finally:
        endpoint.stop()


def killed_home(endpoint: LocalEndpoint, to: Path) -> Path:
    """The home as a kill at this moment leaves it: what is committed, in a folder of its own."""
    to.mkdir()
    (to / "s3").mkdir()
    with (
        endpoint.store.transaction()
    ):  # no writer in the middle of a transaction, as SQLite's own recovery would leave it
        for name in ("state.sqlite", "state.sqlite-wal"):
            shutil.copyfile(endpoint.home / name, to / name)
    return to


def topic(name: str, **properties: Any) -> dict[str, Any]:
    """A topic of a template."""
    return {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name, **properties}}


def slow_topic(name: str, **more: Any) -> dict[str, Any]:
    """A slow topic of a template."""
    return {"Type": "AWS::SNS::TopicPolicy", "Properties": {"TopicName": name}, **more}


def names(client: Any) -> list[str]:
    """The topics that exist."""
    return sorted(found["TopicArn"].split(":")[-1] for found in client("sns").list_topics()["Topics"])


def test_a_creation_that_was_killed_is_rolled_back(tmp_path: Path, slow: SlowTopic) -> None:
    template = {"Resources": {"A": topic("a"), "B": slow_topic("b", DependsOn="A"), "C": topic("c", DisplayName="x")}}
    template["Resources"]["C"]["DependsOn"] = "B"
    with running(tmp_path / "first") as endpoint:
        client = client_factory(endpoint.url)
        client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(template))
        assert slow.reached.wait(LIMIT_S)
        home = killed_home(endpoint, tmp_path / "second")
        slow.release.set()
    with running(home) as endpoint:
        client = client_factory(endpoint.url)
        cfn = client("cloudformation")
        assert settled(cfn, "s")["StackStatus"] == "ROLLBACK_COMPLETE"
        assert names(client) == []
        assert any(
            status == "ROLLBACK_IN_PROGRESS" and why.startswith("Headwater.Interrupted: ")
            for _, status, why in reasons(cfn, "s")
        )


def test_an_update_that_was_killed_is_rolled_back(tmp_path: Path, slow: SlowTopic) -> None:
    first = {"Resources": {"A": topic("a", DisplayName="old"), "R": topic("r")}}
    second = {
        "Resources": {
            "A": topic("a", DisplayName="new"),
            "R": topic("r2"),
            "B": slow_topic("b", DependsOn=["A", "R"]),
        }
    }
    with running(tmp_path / "first") as endpoint:
        client = client_factory(endpoint.url)
        cfn = client("cloudformation")
        cfn.create_stack(StackName="s", TemplateBody=json.dumps(first))
        settled(cfn, "s")
        cfn.update_stack(StackName="s", TemplateBody=json.dumps(second))
        assert slow.reached.wait(LIMIT_S)
        home = killed_home(endpoint, tmp_path / "second")
        slow.release.set()
    with running(home) as endpoint:
        client = client_factory(endpoint.url)
        assert settled(client("cloudformation"), "s")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
        assert names(client) == ["a", "r"]
        arn = "arn:aws:sns:us-east-1:000000000000:a"
        assert client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "old"


def test_a_deletion_that_was_killed_goes_on(tmp_path: Path, slow: SlowTopic) -> None:
    slow.release.set()
    with running(tmp_path / "first") as endpoint:
        client = client_factory(endpoint.url)
        cfn = client("cloudformation")
        template = {"Resources": {"A": topic("a"), "B": slow_topic("b", DependsOn="A")}}
        stack_id = cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))["StackId"]
        settled(cfn, "s")
        slow.release.clear()
        slow.reached.clear()
        cfn.delete_stack(StackName="s")
        assert slow.reached.wait(LIMIT_S)
        home = killed_home(endpoint, tmp_path / "second")
        slow.release.set()
    with running(home) as endpoint:
        client = client_factory(endpoint.url)
        assert settled(client("cloudformation"), stack_id)["StackStatus"] == "DELETE_COMPLETE"
        assert names(client) == []


def test_a_stop_leaves_the_rest_to_the_next_start(tmp_path: Path, slow: SlowTopic) -> None:
    with running(tmp_path / "home") as endpoint:
        client = client_factory(endpoint.url)
        template = {"Resources": {"A": slow_topic("a"), "B": {**topic("b"), "DependsOn": "A"}}}
        client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps(template))
        assert slow.reached.wait(LIMIT_S)
        records = StackRecords(endpoint.store)
        endpoint._services["cloudformation"].stopping.set()  # type: ignore[attr-defined]
        slow.release.set()
        assert records.need("s")["status"] == "CREATE_IN_PROGRESS"
    with running(tmp_path / "home") as endpoint:
        client = client_factory(endpoint.url)
        assert settled(client("cloudformation"), "s")["StackStatus"] == "ROLLBACK_COMPLETE"
        assert names(client) == []
