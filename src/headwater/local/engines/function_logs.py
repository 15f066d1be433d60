"""What a function's log stream says beside the function's own lines, and how those lines come out of its runtime.

AWS's runtime writes log records as frames to a descriptor of its own (``_LAMBDA_TELEMETRY_LOG_FD``), so that a
traceback is one event; prints come as plain lines. The platform's START, END and REPORT lines stand around them, as
text or, for functions whose LogFormat is JSON, as objects.

Source: "Lambda log formats" and "Telemetry API schema" (Lambda developer guide, 2025). Messages end with a line feed,
as GetLogEvents shows Lambda's.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

FRAME_HEADER_BYTES = 16
FRAME_MAGIC = 0xA55A0000
TAIL_BYTES = 4096  # "the last 4 KB of the execution log" (Invoke, LogResult)

Status = Literal["success", "error", "timeout"]


def now_text() -> str:
    """The present moment as Lambda writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class FrameReader:
    """Cuts the runtime's telemetry stream into (timestamp in ms, message)."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[tuple[int, str]]:
        """The records that ``data`` completes. What is no frame is passed on as one record of text."""
        self._rest += data
        records: list[tuple[int, str]] = []
        while len(self._rest) >= FRAME_HEADER_BYTES:
            kind = int.from_bytes(self._rest[:4], "big")
            if kind & 0xFFFF0000 != FRAME_MAGIC:
                records.append((int(time.time() * 1000), self._rest.decode("utf-8", "replace")))
                self._rest = b""
                break
            end = FRAME_HEADER_BYTES + int.from_bytes(self._rest[4:8], "big")
            if len(self._rest) < end:
                break
            stamp_ms = int.from_bytes(self._rest[8:16], "big") // 1000
            records.append((stamp_ms, self._rest[FRAME_HEADER_BYTES:end].decode("utf-8", "replace")))
            self._rest = self._rest[end:]
        return records


@dataclass(frozen=True)
class Report:
    """The figures of one invocation."""

    request_id: str
    duration_ms: float
    memory_size_mb: int
    max_memory_used_mb: int
    init_duration_ms: float | None = None
    status: Status = "success"
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds, the initialisation included ("INIT phase billing", 2025-08-01)."""
        return math.ceil(self.duration_ms + (self.init_duration_ms or 0))


class TextLog:
    """The platform's lines as text."""

    def init_start(self, runtime: str) -> str:
        """The environment starts."""
        return f"INIT_START Runtime Version: {runtime}\n"

    def init_failed(self, duration_ms: float, status: Status, error_type: str | None) -> str:
        """The initialisation went wrong."""
        kind = f"\tError Type: {error_type}" if error_type else ""
        return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: init\tStatus: {status}{kind}\n"

    def start(self, request_id: str, version: str) -> str:
        """An invocation starts."""
        return f"START RequestId: {request_id} Version: {version}\n"

    def timed_out(self, request_id: str, timeout_s: int) -> list[str]:
        """The invocation ran too long."""
        return [f"{now_text()} {request_id} Task timed out after {timeout_s:.2f} seconds\n\n"]

    def end(self, report: Report) -> list[str]:
        """An invocation has ended."""
        parts = [
            f"REPORT RequestId: {report.request_id}",
            f"Duration: {report.duration_ms:.2f} ms",
            f"Billed Duration: {report.billed_ms} ms",
            f"Memory Size: {report.memory_size_mb} MB",
            f"Max Memory Used: {report.max_memory_used_mb} MB",
        ]
        if report.init_duration_ms is not None:
            parts.append(f"Init Duration: {report.init_duration_ms:.2f} ms")
        if report.status != "success":
            parts.append(f"Status: {report.status}")
        if report.error_type:
            parts.append(f"Error Type: {report.error_type}")
        return [f"END RequestId: {report.request_id}\n", "\t".join(parts) + "\t\n"]

    def exited(self, request_id: str, message: str, error_type: str) -> list[str]:
        """The runtime's process ended during an invocation."""
        return [f"{message}\n{error_type}\n"]


class JsonLog(TextLog):
    """The platform's lines as JSON objects."""

    def init_start(self, runtime: str) -> str:
        """The environment starts."""
        return _event("initStart", {"initializationType": "on-demand", "phase": "init", "runtimeVersion": runtime})

    def init_failed(self, duration_ms: float, status: Status, error_type: str | None) -> str:
        """The initialisation went wrong."""
        record: dict[str, Any] = {"initializationType": "on-demand", "phase": "init", "status": status}
        if error_type:
            record["errorType"] = error_type
        return _event("initReport", {**record, "metrics": {"durationMs": round(duration_ms, 3)}})

    def start(self, request_id: str, version: str) -> str:
        """An invocation starts."""
        return _event("start", {"requestId": request_id, "version": version})

    def timed_out(self, request_id: str, timeout_s: int) -> list[str]:
        """Said by the report's status."""
        return []

    def end(self, report: Report) -> list[str]:
        """An invocation has ended."""
        metrics: dict[str, Any] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_size_mb,
            "maxMemoryUsedMB": report.max_memory_used_mb,
        }
        if report.init_duration_ms is not None:
            metrics["initDurationMs"] = round(report.init_duration_ms, 3)
        record: dict[str, Any] = {"requestId": report.request_id, "metrics": metrics, "status": report.status}
        if report.error_type:
            record["errorType"] = report.error_type
        return [_event("report", record)]

    def exited(self, request_id: str, message: str, error_type: str) -> list[str]:
        """Said by the report's status and error type."""
        return []


def _event(kind: str, record: dict[str, Any]) -> str:
    return json.dumps({"time": now_text(), "type": f"platform.{kind}", "record": record}) + "\n"


def platform_log(log_format: str) -> TextLog:
    """The lines' form for a function's LogFormat (Text or JSON)."""
    return JsonLog() if log_format == "JSON" else TextLog()
