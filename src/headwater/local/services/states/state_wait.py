"""Wait: hands its input on at a later moment. The moment is journaled; no thread waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from headwater.local.services.states import branch as phases
from headwater.local.services.states.errors import query, runtime
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.paths import MISSING, Path
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.state import State
from headwater.local.services.states.timestamps import parse_timestamp

if TYPE_CHECKING:
    from headwater.local.services.states.branch import Branch
    from headwater.local.services.states.execution import Execution

LONGEST_DELAY_S = 2**31 - 1  # recorded on AWS, 2023-12: 24,855 days are taken, 24,856 refused


@dataclass(eq=False)
class WaitState(State):
    """``"Type": "Wait"``, with one of its four ways to say until when."""

    type: ClassVar[str] = "Wait"
    seconds: NumberField | None = None
    timestamp: Callable[[Scope], Any] | None = None
    seconds_path: Path | None = None
    timestamp_path: Path | None = None

    def run(self, execution: Execution, branch: Branch) -> None:
        """Sleep until the moment; the second call, when it has come, leaves."""
        if branch.phase == phases.WAITING:
            self.finish(execution, branch, self.effective_input(execution, branch))
            return
        selected = branch.input if self.jsonata else self.read_input(execution, branch)
        now_ms = execution.now_ms()
        wake_ms = self._wake_ms(execution.scope(branch, selected.value), now_ms)
        if wake_ms - now_ms > 1000 * LONGEST_DELAY_S:
            raise runtime("Wait state delay is too long.")
        execution.sleep(branch, phases.WAITING, wake_ms)

    def _wake_ms(self, scope: Scope, now_ms: int) -> int:
        if self.seconds_path is not None:
            return now_ms + 1000 * self._seconds_from_path(self.seconds_path, scope)
        if self.timestamp_path is not None:
            return self._moment_from_path(self.timestamp_path, scope)
        if self.seconds is not None:
            return now_ms + 1000 * int(self.seconds.read(scope) or 0)
        if self.timestamp is None:
            raise runtime("The Wait state names no moment")
        text = self.timestamp(scope)
        moment = parse_timestamp(text)
        if moment is None:
            shown = text if isinstance(text, str) else dumps(text)
            raise query(
                f"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {shown}",
                "Timestamp",
            )
        return int(moment.timestamp() * 1000)

    @staticmethod
    def _seconds_from_path(path: Path, scope: Scope) -> int:
        value = path.read(scope)
        if value is MISSING:
            raise runtime(f"The SecondsPath parameter does not reference an input value: {path.text}")
        if isinstance(value, bool) or not isinstance(value, int):
            shown = value if isinstance(value, str) else dumps(value)
            raise runtime(f"The SecondsPath parameter cannot be parsed as a long value: {path.text} == {shown}")
        if value < 0:
            raise runtime(f"The SecondsPath parameter references a negative value: {path.text} == {value}")
        return value

    @staticmethod
    def _moment_from_path(path: Path, scope: Scope) -> int:
        value = path.read(scope)
        if value is MISSING:
            raise runtime(f"The TimestampPath parameter does not reference an input value: {path.text}")
        moment = parse_timestamp(value)
        if moment is None:
            shown = value if isinstance(value, str) else dumps(value)
            raise runtime(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {path.text} == {shown}"
            )
        return int(moment.timestamp() * 1000)
