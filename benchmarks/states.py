"""Transitions, Map items, latency and memory of Step Functions, durable, over HTTP; against moto, ministack and a loop.

Run: ``python -m benchmarks.states [--peers FOLDER]``. Every server has a process of its own and is used
through boto3, as a person would. Headwater journals every event on disk; the others keep nothing. The floor is a
Python loop that does what the thousand states say. The peers live in a virtual environment of their own, so that they
disturb no pin; one that is not there is named and left out::

    python -m venv .peers && .peers/bin/pip install 'moto[server,stepfunctions]' ministack

An inline Map of ten thousand items passes the quota of history events of a standard execution, here as on AWS, so that
size runs distributed (every item a journaled execution) and express; on the peers, which have no such quota, inline.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess  # nosec B404: starts this interpreter only
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

ENDPOINT = """
import sys
from pathlib import Path
from headwater.local.endpoint import EndpointSettings, LocalEndpoint
from headwater.local.server import calm_collector
from headwater.local.services import SERVICES
for name in set(SERVICES) - {"stepfunctions", "sts"}:
    del SERVICES[name]
endpoint = LocalEndpoint(EndpointSettings(home=Path(sys.argv[1])))
endpoint.start()
calm_collector()
print(endpoint.url, flush=True)
sys.stdin.read()
endpoint.stop()
"""
ROLE = "arn:aws:iam::000000000000:role/bench"
CHAIN = 1000
PASS = {"Type": "Pass"}
LIMIT_S = 60.0
PEERS = Path(".peers")
INSTALL = "python -m venv .peers && .peers/bin/pip install 'moto[server,stepfunctions]' ministack"
TRANSITIONS, ITEMS, MANY = "chain of 1,000, transitions/s", "Map of 1,000, items/s", "Map of 10,000, items/s"
DISTRIBUTED, EXPRESS = "Map of 10,000, distributed, items/s", "Map of 10,000, express, items/s"
HUNDRED, TINY = "100 executions, executions/s", "a tiny execution, ms"
LISTED = "a page of 10,000 executions, median ms"
BEFORE, AFTER = "memory before the Maps of 10,000, MB", "memory after them, MB"
# (figure, peer, at least this many times the peer's); the last is a limit of its own.
GOALS = ((TRANSITIONS, "moto", 20.0), (TRANSITIONS, "ministack", 8.0), (ITEMS, "moto", 10.0))
TINY_GOAL_MS = 5.0
GROWTH_GOAL_MB = 300.0  # of the endpoint's memory, through two Maps of 10,000 items
Definition = dict[str, Any]
Figures = dict[str, float]


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
    """A state machine on the server at ``url``, run through boto3."""

    def __init__(self, url: str, definition: Definition, type: str = "STANDARD") -> None:
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


def median_page(machine: Machine) -> float:
    """How long a page of a hundred executions of the machine's map run takes, in seconds, over all its pages."""
    executions = machine.client.list_executions(stateMachineArn=machine.arn)["executions"]
    runs = machine.client.list_map_runs(executionArn=executions[0]["executionArn"])["mapRuns"]
    query: dict[str, str] = {"mapRunArn": runs[0]["mapRunArn"]}
    times: list[float] = []
    while "nextToken" in query or not times:
        started = time.perf_counter()
        page = machine.client.list_executions(maxResults=100, **query)
        times.append(time.perf_counter() - started)
        query.pop("nextToken", None)
        query |= {"nextToken": page["nextToken"]} if "nextToken" in page else {}
    return statistics.median(times)


def measure(url: str, process: psutil.Process, headwater: bool) -> Figures:
    """All figures of the server at ``url``."""
    tiny, long, each = Machine(url, chain(1)), Machine(url, chain(CHAIN)), Machine(url, over_items())
    tiny.run({"n": 1})
    items, many = {"items": list(range(1000))}, {"items": list(range(10_000))}
    rounds = 3 if headwater else 1
    figures = {
        TRANSITIONS: CHAIN / best(lambda: long.run({"n": 1}), rounds),
        ITEMS: 1000 / best(lambda: each.run(items), rounds),
        HUNDRED: 100 / best(lambda: tiny.run({"n": 1}, 100), rounds),
        TINY: 1000 * best(lambda: tiny.run({"n": 1}), 20),
        BEFORE: process.memory_info().rss / (1 << 20),
    }
    if headwater:
        distributed, express = Machine(url, over_items("DISTRIBUTED")), Machine(url, over_items(), "EXPRESS")
        figures[DISTRIBUTED] = 10_000 / best(lambda: distributed.run(many), 1)
        figures[LISTED] = 1000 * median_page(distributed)
        figures[EXPRESS] = 10_000 / best(lambda: express.run_express(many), 1)
    else:
        figures[MANY] = 10_000 / best(lambda: each.run(many), 1)
    figures[AFTER] = process.memory_info().rss / (1 << 20)
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


def peer_command(name: str, folder: Path, port: int) -> tuple[list[str], dict[str, str]] | None:
    """How a peer's server starts on a port, and its environment; None when it is not installed in ``folder``."""
    program = folder / "bin" / {"moto": "moto_server", "ministack": "ministack"}[name]
    if not program.exists():
        return None
    if name == "moto":
        # moto's server runs no state machine unless its configuration says so.
        start = (
            "from moto.core.config import default_user_config as c; from moto.server import main; "
            f"c['stepfunctions'] = {{'execute_state_machine': True}}; main(['-H', '127.0.0.1', '-p', '{port}'])"
        )
        return [str(folder / "bin" / "python"), "-c", start], {}
    return [str(program)], {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1"}


@contextmanager
def peer(command: list[str], environment: dict[str, str], port: int) -> Iterator[tuple[str, psutil.Process]]:
    """A live peer in a process of its own: (url, process)."""
    with subprocess.Popen(  # nosec B603: a program of the person's choice
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            await_port(port, process)
            yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
        finally:
            process.terminate()


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server listens."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} did not listen on port {port}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def measure_peer(name: str, folder: Path) -> Figures | None:
    """A peer's figures, or None, said, when it is not there or breaks."""
    port = free_port()
    found = peer_command(name, folder, port)
    if found is None:
        say(f"{name} is left out: it is not in {folder}. To measure it: {INSTALL}")
        return None
    try:
        with peer(*found, port) as (url, process):
            return measure(url, process, headwater=False)
    except Exception as error:  # whatever a peer does, the others' figures are wanted
        say(f"{name} is left out: {type(error).__name__}: {error}")
        return None


def measure_headwater() -> Figures:
    """Headwater's figures."""
    with tempfile.TemporaryDirectory() as home, endpoint(home) as (url, process):
        return measure(url, process, headwater=True)


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def report(results: dict[str, Figures]) -> None:
    """Print the figures side by side, then the goals."""
    figures = list(dict.fromkeys(figure for measured in results.values() for figure in measured))
    say(f"{'':40}" + "".join(f"{name:>14}" for name in results))
    for figure in figures:
        cells = [results[name].get(figure) for name in results]
        say(f"{figure:40}" + "".join(f"{'-' if cell is None else f'{cell:,.1f}':>14}" for cell in cells))
    own = results["headwater"]
    for figure, name, goal in GOALS:
        if name in results:
            verdict(f"{figure}, times {name}", own[figure] / results[name][figure], goal, at_least=True)
    if MANY in results.get("moto", {}):
        for figure in (DISTRIBUTED, EXPRESS):
            verdict(f"{figure}, times moto", own[figure] / results["moto"][MANY], 10.0, at_least=True)
    verdict(TINY, own[TINY], TINY_GOAL_MS, at_least=False)
    verdict("growth through the Maps of 10,000, MB", own[AFTER] - own[BEFORE], GROWTH_GOAL_MB, at_least=False)


def verdict(what: str, value: float, goal: float, at_least: bool) -> None:
    """Print a goal and whether it is met."""
    met = value >= goal if at_least else value <= goal
    say(f"{what:50}{value:10.1f}   goal {'>=' if at_least else '<='} {goal:g}   {'met' if met else 'MISSED'}")


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, default=PEERS, help="the virtual environment that has the peers")
    options = parser.parse_args(argv)
    results = {"headwater": measure_headwater()}
    for name in ("moto", "ministack"):
        measured = measure_peer(name, options.peers.absolute())
        if measured is not None:
            results[name] = measured
    results["bare loop"] = {TRANSITIONS: floor()}
    report(results)


if __name__ == "__main__":
    main()
