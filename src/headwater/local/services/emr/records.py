"""Clusters and steps as records, and what a client sees of them."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from headwater.local import paging
from headwater.local.engines.submit_parameters import Submit, parse_words
from headwater.local.service import Members, ServiceError

CLUSTER = "emr.cluster"
STEP = "emr.step"
PAGE = 50
ENDED = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
STEP_ENDED = frozenset({"COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED"})
ACTIONS = frozenset({"CANCEL_AND_WAIT", "CONTINUE", "TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"})


def invalid(text: str) -> ServiceError:
    """EMR's error for a request that it refuses."""
    return ServiceError("ValidationException", text)


def new_id(prefix: str) -> str:
    """``j-…`` or ``s-…`` with 13 capitals and digits, as EMR makes them."""
    return f"{prefix}-{uuid.uuid4().hex[:13].upper()}"


def marked_page(items: list[Members], marker: str | None) -> tuple[list[Members], Members]:
    """One page of a listing, and the Marker of the next; InvalidRequestException for a marker that is none."""
    start = paging.position(marker, ServiceError("InvalidRequestException", f"Marker '{marker}' is not valid."))
    more = {"Marker": paging.token(start + PAGE)} if start + PAGE < len(items) else {}
    return items[start : start + PAGE], more


def step_key(cluster: str, step: str) -> str:
    """The record's key: a cluster's steps stand together."""
    return f"{cluster}\x1f{step}"


def submit_of(config: Members) -> Submit:
    """The parsed ``spark-submit`` of a step; ValidationException, by name, for what is not computed here."""
    jar, words = config["HadoopJarStep"]["Jar"], config["HadoopJarStep"].get("Args") or []
    if jar != "command-runner.jar" or not words or words[0] != "spark-submit":
        command = " ".join([jar, *words[:1]])
        raise invalid(
            f"Headwater.UnsupportedStep: only command-runner.jar with spark-submit is computed, got {command}"
        )
    try:
        submit = parse_words(words[1:])
    except ValueError as error:
        raise invalid(f"Headwater.UnsupportedStep: {config['Name']}: {error}") from error
    if not submit.rest or not submit.rest[0].endswith(".py"):
        raise invalid(
            f"Headwater.UnsupportedStep: {config['Name']}: spark-submit takes an s3:// script that ends in .py"
        )
    return submit


def new_step(cluster: str, config: Members, role: str | None, order: int) -> Members:
    """A PENDING step's record."""
    submit_of(config)
    action = config.get("ActionOnFailure", "TERMINATE_CLUSTER")
    if action not in ACTIONS:
        raise invalid(f"ActionOnFailure {action} is not one of {', '.join(sorted(ACTIONS))}")
    return {
        "Id": new_id("s"),
        "Name": config["Name"],
        "ActionOnFailure": action,
        "ExecutionRoleArn": role,
        "_config": config,
        "_cluster": cluster,
        "_order": order,
        "_number": uuid.uuid4().int % (1 << 31),  # of the run's temporary folders: Hadoop reads it as an int
        "_state": "PENDING",
        "_times": {"CreationDateTime": time.time()},
    }


def times_of(record: Members) -> dict[str, datetime]:
    """The timeline of a record as a client sees it."""
    return {name: datetime.fromtimestamp(value, UTC) for name, value in record["_times"].items()}


def _status(record: Members) -> Members:
    found: Members = {
        "State": record["_state"],
        "StateChangeReason": record.get("_reason") or {},
        "Timeline": times_of(record),
    }
    return {**found, "FailureDetails": record["_failure"]} if "_failure" in record else found


def step_answer(record: Members) -> Members:
    """The Step that a client sees."""
    jar = record["_config"]["HadoopJarStep"]
    seen: dict[str, Any] = {name: record[name] for name in ("Id", "Name", "ActionOnFailure")}
    if record.get("ExecutionRoleArn"):
        seen["ExecutionRoleArn"] = record["ExecutionRoleArn"]
    config = {"Jar": jar["Jar"], "Args": jar.get("Args") or [], "Properties": {}}
    return {**seen, "Config": config, "Status": _status(record)}


def cluster_answer(record: Members) -> Members:
    """The Cluster that a client sees."""
    seen = {name: value for name, value in record.items() if not name.startswith("_") and value is not None}
    return {**seen, "AutoTerminate": not record["_keep"], "Status": _status(record)}


def summary(record: Members) -> Members:
    """A cluster in ListClusters."""
    return {**{name: record[name] for name in ("Id", "Name", "ClusterArn")}, "Status": _status(record)}
