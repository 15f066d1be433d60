"""The operations on executions."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import uuid
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.execution import Execution
from headwater.local.services.states.execution_record import ExecutionRecord
from headwater.local.services.states.history import api_event
from headwater.local.json_problems import json_problem
from headwater.local.services.states.json_text import loads
from headwater.local.services.states.machines import MACHINE, check_arn
from headwater.local.services.states.map_runs import MAP_RUN
from headwater.local.services.states.quotas import MAX_DATA_BYTES
from headwater.local.services.states.redrives import check_redrive, obstacle, redrive_status
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.timestamps import moment_of

_HALF = re.compile("[\ud800-\udfff]")  # which no UTF-8 holds; escaped in the JSON it may stand
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\s<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")
_EXECUTION_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]+:\d+:(execution|express):.+")
_DATA = frozenset({"cause", "error", "input", "output", "outputDetails"})


def find_execution(runtime: Runtime, arn: str) -> ExecutionRecord:
    """A standard execution; InvalidArn for what names none, ExecutionDoesNotExist when there is none."""
    check_arn(arn, _EXECUTION_ARN)
    if ":express:" in arn:
        raise ServiceError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
    record = runtime.journal.record(arn)
    if record is None:
        raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
    return record


def page_token(body: Any) -> str:
    """An opaque token that carries ``body``."""
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode()


def read_token(token: str) -> Any:
    """What :func:`page_token` put in; InvalidToken for anything else."""
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise ServiceError("InvalidToken", f"Invalid Token: '{token}'") from error


class ExecutionsApi(Service):
    """Start, stop, describe, list, read, redrive."""

    runtime: Runtime

    @operation
    def start_execution(
        self,
        call: Call,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
    ) -> Members:
        """Start a standard execution, or an express one that nobody waits for."""
        record, definition = self._new_record(call, stateMachineArn, name, input, traceHeader)
        known = self.runtime.begin(record, definition)
        if known is not record and not _same_start(known, record):
            raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{known.arn}'")
        return {"executionArn": known.arn, "startDate": moment_of(known.started_ms)}

    @operation
    async def start_sync_execution(
        self,
        call: Call,
        stateMachineArn: str,
        name: str | None = None,
        input: str = "{}",
        traceHeader: str | None = None,
        includedData: str = "ALL_DATA",
    ) -> Members:
        """Start an express execution and wait for its end."""
        loop = asyncio.get_running_loop()
        record, definition = await loop.run_in_executor(
            None, self._new_record, call, stateMachineArn, name, input, traceHeader
        )
        if record.type != "EXPRESS":
            raise _unsupported_type()
        record.synchronous = True
        future = await loop.run_in_executor(None, self.runtime.run_to_end, record, definition)
        ended = await asyncio.wrap_future(future)
        answer = self._sync_answer(ended)
        if includedData == "METADATA_ONLY":
            answer = {key: value for key, value in answer.items() if key not in _DATA}
            answer["inputDetails"] = {"included": False}
        return answer

    @staticmethod
    def _sync_answer(record: ExecutionRecord) -> Members:
        stopped = record.stopped_ms or record.started_ms
        duration = max(100, -(-(stopped - record.started_ms) // 100) * 100)
        answer: Members = {
            "executionArn": record.arn,
            "stateMachineArn": record.machine_arn,
            "name": record.name,
            "startDate": moment_of(record.started_ms),
            "stopDate": moment_of(stopped),
            "status": record.status,
            "input": record.input,
            "inputDetails": {"included": True},
            "outputDetails": {"included": True},
            "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": duration},
        }
        optional = {"output": record.output, "error": record.error, "cause": record.cause}
        return answer | {key: value for key, value in optional.items() if value is not None}

    def _new_record(
        self, call: Call, machine_arn: str, name: str | None, input: str, trace_header: str | None
    ) -> tuple[ExecutionRecord, str]:
        machine, revision, version_arn, alias_arn = self.runtime.machines.resolve(machine_arn)
        if name is None:
            key = call.idempotency_key
            name = str(uuid.uuid4() if key is None else uuid.uuid5(uuid.NAMESPACE_URL, key))
        if not _NAME.fullmatch(name):
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        try:
            loads(input)
        except ValueError as error:
            problem = json_problem(input, error) if input else "Invalid execution input."
            raise ServiceError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: '{problem}'"
            ) from error
        if not input.isascii() and _HALF.search(input):
            raise ServiceError("InvalidExecutionInput", "Invalid State Machine Execution Input: 'half a UTF-16 pair'")
        if len(input.encode()) > MAX_DATA_BYTES:
            raise ServiceError("InvalidExecutionInput", f"Input exceeds the maximum of {MAX_DATA_BYTES} bytes")
        kind = machine["type"]
        prefix = machine["arn"].replace(":stateMachine:", ":execution:" if kind == "STANDARD" else ":express:")
        suffix = name if kind == "STANDARD" else f"{name}:{uuid.uuid4()}"
        record = ExecutionRecord(
            arn=f"{prefix}:{suffix}",
            name=name,
            machine_arn=machine["arn"],
            machine_name=machine["name"],
            revision=revision["id"],
            role_arn=revision["roleArn"],
            type=kind,
            input=input,
            started_ms=Execution.now_ms(),
            trace_header=trace_header,
            version_arn=version_arn,
            alias_arn=alias_arn,
            logging=revision.get("loggingConfiguration"),
            idempotency_key=call.idempotency_key,
        )
        return record, revision["definition"]

    @operation
    def describe_execution(self, call: Call, executionArn: str, includedData: str = "ALL_DATA") -> Members:
        """An execution, with its input and output unless only metadata are asked for."""
        record = find_execution(self.runtime, executionArn)
        redrives = redrive_status(record, self._obstacle(record))
        if includedData == "METADATA_ONLY":
            return {**_summary(record), "inputDetails": {"included": False}, **redrives}
        answer: Members = {
            **_summary(record),
            "input": record.input,
            "inputDetails": {"included": True},
            **redrives,
        }
        if record.output is not None:
            answer |= {"output": record.output, "outputDetails": {"included": True}}
        optional = {"error": record.error, "cause": record.cause, "traceHeader": record.trace_header}
        return answer | {key: value for key, value in optional.items() if value is not None}

    @operation
    def list_executions(
        self,
        call: Call,
        stateMachineArn: str | None = None,
        statusFilter: str | None = None,
        maxResults: int = 100,
        nextToken: str | None = None,
        mapRunArn: str | None = None,
        redriveFilter: str | None = None,
    ) -> Members:
        """Executions of a state machine, or the children of a map run, newest first."""
        of = stateMachineArn or mapRunArn
        if of is None or (stateMachineArn and mapRunArn):
            raise ServiceError("ValidationException", "Must provide a StateMachine ARN or MapRun ARN")
        if mapRunArn is not None and self.store.get(MAP_RUN, mapRunArn) is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{mapRunArn}'")
        started_by = None
        if stateMachineArn is not None:
            machine, field = self.runtime.machines.started_by(stateMachineArn)
            if machine["type"] == "EXPRESS":
                raise _unsupported_type()
            of, started_by = machine["arn"], None if field is None else (field, stateMachineArn)
        limit = maxResults or 100
        before = tuple(read_token(nextToken)) if nextToken else None
        found = self.runtime.journal.records(of, statusFilter, before, limit + 1, started_by)
        answer: Members = {
            "executions": [_listed(record) for record in found[:limit] if _wanted(record, redriveFilter)]
        }
        if len(found) > limit:
            last = found[limit - 1]
            answer["nextToken"] = page_token([last.started_ms, last.arn])
        return answer

    @operation
    def get_execution_history(
        self,
        call: Call,
        executionArn: str,
        maxResults: int = 100,
        reverseOrder: bool = False,
        nextToken: str | None = None,
        includeExecutionData: bool = True,
    ) -> Members:
        """The events of an execution, in pages."""
        find_execution(self.runtime, executionArn)
        journal, limit = self.runtime.journal, maxResults or 100
        last = journal.last_event_id(executionArn)
        start = int(read_token(nextToken)) if nextToken else (last if reverseOrder else 1)
        if reverseOrder:
            first, end = max(1, start - limit + 1), start
        else:
            first, end = start, min(last, start + limit - 1)
        events = [
            api_event(event_id, event, includeExecutionData)
            for event_id, event in journal.events(executionArn, first, end)
        ]
        answer: Members = {"events": events[::-1] if reverseOrder else events}
        following = first - 1 if reverseOrder else end + 1
        if 1 <= following <= last:
            answer["nextToken"] = page_token(following)
        return answer

    @operation
    def stop_execution(
        self, call: Call, executionArn: str, error: str | None = None, cause: str | None = None
    ) -> Members:
        """Stop a running execution with the jobs that it started."""
        record = find_execution(self.runtime, executionArn)
        if record.status == "RUNNING":
            self.runtime.abort(executionArn, error, cause)
            record = find_execution(self.runtime, executionArn)
        return {"stopDate": moment_of(record.stopped_ms or Execution.now_ms())}

    @operation
    def redrive_execution(self, call: Call, executionArn: str, clientToken: str | None = None) -> Members:
        """Run a failed, stopped or timed-out execution on from where it ended."""
        find_execution(self.runtime, executionArn)
        redriven_ms = self.runtime.redrive(
            executionArn, clientToken, lambda record: check_redrive(record, self._obstacle(record))
        )
        return {"redriveDate": moment_of(redriven_ms)}

    def _obstacle(self, record: ExecutionRecord) -> str | None:
        machine = self.store.get(MACHINE, record.machine_arn.partition("/")[0])
        events = self.runtime.journal.last_event_id(record.arn)
        return obstacle(record, machine is not None, events, Execution.now_ms())


def _unsupported_type() -> ServiceError:
    message = "This operation is not supported by this type of state machine"
    return ServiceError("StateMachineTypeNotSupported", message)


def _same_start(known: ExecutionRecord, asked: ExecutionRecord) -> bool:
    """Whether a start answers the execution that has its name: one that runs on the same input (AWS: idempotent)."""
    if asked.idempotency_key is not None and known.idempotency_key == asked.idempotency_key:
        return True
    return known.status == "RUNNING" and known.input == asked.input


def _wanted(record: ExecutionRecord, redrive_filter: str | None) -> bool:
    return redrive_filter is None or (redrive_filter == "REDRIVEN") == (record.redrive_count > 0)


def _summary(record: ExecutionRecord) -> Members:
    summary: Members = {
        "executionArn": record.arn,
        "stateMachineArn": record.machine_arn,
        "name": record.name,
        "status": record.status,
        "startDate": moment_of(record.started_ms),
        "redriveCount": record.redrive_count,
    }
    optional = {
        "stopDate": record.stopped_ms and moment_of(record.stopped_ms),
        "redriveDate": record.redriven_ms and moment_of(record.redriven_ms),
        "stateMachineVersionArn": record.version_arn,
        "stateMachineAliasArn": record.alias_arn,
        "mapRunArn": record.map_run_arn,
    }
    return summary | {key: value for key, value in optional.items() if value is not None}


def _listed(record: ExecutionRecord) -> Members:
    """A map run's child says how many items it was given."""
    return _summary(record) if record.map_run_arn is None else {**_summary(record), "itemCount": record.item_count or 1}
