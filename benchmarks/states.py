"""Transitions, Map items and latency of Step Functions, durable, over HTTP; against moto's interpreter and a bare loop.

Run: ``python benchmarks/states.py [--moto]``. The endpoint has a process of its own and is used through boto3, as a
person would. moto (``pip install 'moto[stepfunctions]'``) answers boto3 inside this process, which spares it the HTTP,
and keeps nothing on disk. The floor is a Python loop that does what the thousand states say. An inline Map of ten
thousand items passes the quota of history events of a standard execution, here as on AWS, so that size runs
distributed (every item a journaled execution) and express.
"""

from __future__ import annotations

import argparse
import json
import subprocess  # nosec B404: starts this interpreter only
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import psutil
from botocore.config import Config

ENDPOINT = """
import sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.services import SERVICES
for name in set(SERVICES) - {"stepfunctions", "sts"}:
    del SERVICES[name]
endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
print(endpoint.url, flush=True)
sys.stdin.read()
endpoint.stop()
"""
ROLE = "arn:aws:iam::000000000000:role/bench"
CHAIN = 1000
PASS = {"Type": "Pass"}
Definition = dict[str, Any]


@contextmanager
def endpoint(home: str) -> Iterator[tuple[str, psutil.Process]]:
    """A live endpoint in a process of its own: (url, process)."""
    command = [sys.executable, "-c", ENDPOINT, home]
    with subprocess.Popen(  # nosec B603: this interpreter, a literal program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the endpoint has no pipes")
        yield process.stdout.readline().strip(), psutil.Process(process.pid)
        process.stdin.close()


def chain(length: int) -> Definition:
    """Pass and Choice states in turn."""
    states: Definition = {"end": {"Type": "Succeed"}}
    for number in range(length):
        after = f"s{number + 1}" if number < length - 1 else "end"
        rule = {"Variable": "$.n", "NumericEquals": 1, "Next": after}
        choice = {"Type": "Choice", "Choices": [rule], "Default": "end"}
        states[f"s{number}"] = choice if number % 2 else {**PASS, "Next": after}
    return {"StartAt": "s0", "States": states}


def over_items(mode: str = "INLINE") -> Definition:
    """A Map of one Pass state over ``$.items``."""
    configuration = {"Mode": mode} if mode == "INLINE" else {"Mode": mode, "ExecutionType": "STANDARD"}
    one = {"StartAt": "p", "States": {"p": {**PASS, "End": True}}, "ProcessorConfig": configuration}
    state = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": one, "ResultPath": None, "End": True}
    return {"StartAt": "m", "States": {"m": state}}


class Machine:
    """A state machine on the endpoint, or in moto where ``url`` is None, run through boto3."""

    def __init__(self, url: str | None, definition: Definition, type: str = "STANDARD") -> None:
        self.client = boto3.client(
            "stepfunctions",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # nosec B106: the field's convention for local endpoints
            config=Config(inject_host_prefix=False, read_timeout=300),
        )
        self.arn = self.client.create_state_machine(
            name=f"bench-{uuid.uuid4().hex}", definition=json.dumps(definition), roleArn=ROLE, type=type
        )["stateMachineArn"]

    def run(self, input: Any, count: int = 1) -> None:
        """Start ``count`` executions and wait for all of them."""
        text = json.dumps(input)
        names = (uuid.uuid4().hex for _ in range(count))  # moto gives none of its own
        started = [self.client.start_execution(stateMachineArn=self.arn, name=name, input=text) for name in names]
        for execution in started:
            while (status := self._status(execution["executionArn"])) == "RUNNING":
                time.sleep(0.001)
            if status != "SUCCEEDED":
                raise RuntimeError(f"an execution is {status}")

    def _status(self, arn: str) -> str:
        status: str = self.client.describe_execution(executionArn=arn)["status"]
        return status

    def run_express(self, input: Any) -> None:
        """Run an express execution."""
        ended = self.client.start_sync_execution(stateMachineArn=self.arn, input=json.dumps(input))
        if ended["status"] != "SUCCEEDED":
            raise RuntimeError(f"an execution is {ended['status']}")


def best(work: Callable[[], object], rounds: int = 3) -> float:
    """The shortest of some rounds, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def measure(url: str | None) -> dict[str, float]:
    """All figures of the endpoint at ``url``, or of moto."""
    tiny, long, each = Machine(url, chain(1)), Machine(url, chain(CHAIN)), Machine(url, over_items())
    tiny.run({"n": 1})
    items = {"items": list(range(1000))}
    figures = {
        "chain of 1,000, transitions/s": CHAIN / best(lambda: long.run({"n": 1})),
        "Map of 1,000, items/s": 1000 / best(lambda: each.run(items)),
        "100 executions, executions/s": 100 / best(lambda: tiny.run({"n": 1}, 100), 1),
        "a tiny execution, ms": 1000 * best(lambda: tiny.run({"n": 1}), 20),
    }
    many = {"items": list(range(10_000))}
    if url is not None:
        distributed, express = Machine(url, over_items("DISTRIBUTED")), Machine(url, over_items(), "EXPRESS")
        figures["Map of 10,000, distributed, items/s"] = 10_000 / best(lambda: distributed.run(many), 1)
        figures["Map of 10,000, express, items/s"] = 10_000 / best(lambda: express.run_express(many), 1)
    else:
        figures["Map of 10,000, items/s"] = 10_000 / best(lambda: each.run(many), 1)
    return figures


def floor() -> float:
    """Transitions a second of a bare loop over the same thousand states."""
    states, data = chain(CHAIN)["States"], {"n": 1}

    def walk() -> None:
        name = "s0"
        while states[name]["Type"] != "Succeed":
            state = states[name]
            if state["Type"] == "Choice":
                rule = state["Choices"][0]
                name = rule["Next"] if data["n"] == rule["NumericEquals"] else state["Default"]
            else:
                name = state["Next"]

    return CHAIN / best(walk, 20)


def measure_moto() -> dict[str, float]:
    """All figures of moto, in this process."""
    try:
        import antlr4  # noqa: F401
        from moto import mock_aws
    except ImportError as error:
        raise SystemExit(f"moto's interpreter is not installed ({error}): pip install 'moto[stepfunctions]'") from error
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        return measure(None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moto", action="store_true", help="measure the peer too: it takes a minute")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as home, endpoint(home) as (url, process):
        results["headwater"] = measure(url)
        results["headwater"]["memory afterwards, MB"] = process.memory_info().rss / (1 << 20)
    if options.moto:
        results["moto"] = measure_moto()
    for name, figures in results.items():
        for figure, value in figures.items():
            peer = results.get("moto", {}).get(figure)
            ratio = f"   {value / peer:6.2f} × moto" if peer and name != "moto" else ""
            sys.stdout.write(f"{name:10} {figure:38} {value:12.1f}{ratio}\n")
    sys.stdout.write(f"{'bare loop':10} {'chain of 1,000, transitions/s':38} {floor():12.1f}\n")


if __name__ == "__main__":
    main()
