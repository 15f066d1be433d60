"""The stages of a run as they go: a live table on a terminal, a line a change for a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.live import Live
from rich.markup import escape
from rich.table import Table

from headwater.cli.console import out, seconds_text

if TYPE_CHECKING:
    from headwater.cloud.history import StageRun
    from headwater.cloud.runs import Run

STYLES = {
    "PENDING": "dim",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "ABORTED": "yellow",
    "TIMED_OUT": "red",
}


def took(stage: StageRun) -> float | None:
    """How long a stage took, or has taken so far."""
    if stage.started and stage.ended is None:
        return (datetime.now(UTC) - stage.started).total_seconds()
    return stage.duration_s


def table_of(run: Run, kinds: dict[str, str]) -> Table:
    """The stages as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("stage", "kind", "status", "took"):
        table.add_column(column, header_style="bold", justify="right" if column == "took" else "left")
    for stage in run.stages:
        style = STYLES.get(stage.status, "")
        again = f" (attempt {stage.attempts})" if stage.attempts > 1 else ""
        status = f"[{style}]{stage.status}[/{style}]{again}" if style else stage.status
        table.add_row(escape(stage.name), kinds.get(stage.name, ""), status, seconds_text(took(stage)))
    return table


class StageView:
    """Shows a run each time that it is described anew."""

    def __init__(self, kinds: dict[str, str], live: Live | None) -> None:
        self._kinds = kinds
        self._live = live
        self._said: dict[str, str] = {}

    def show(self, run: Run) -> None:
        """Show what is new."""
        if self._live:
            self._live.update(table_of(run, self._kinds))
            return
        for stage in run.stages:
            if stage.status != "PENDING" and self._said.get(stage.name) != stage.status:
                self._said[stage.name] = stage.status
                seconds = seconds_text(took(stage)) if stage.ended else ""
                now = datetime.now().strftime("%H:%M:%S")
                out.print(f"{now}  {stage.name:<16} {stage.status:<10} {seconds}".rstrip(), markup=False)


@contextmanager
def stage_view(kinds: dict[str, str], quiet: bool = False) -> Iterator[StageView]:
    """A view for the time of a run."""
    if quiet:
        yield _Silent(kinds, None)
    elif out.is_terminal:
        with Live(console=out, refresh_per_second=8) as live:
            yield StageView(kinds, live)
    else:
        yield StageView(kinds, None)


class _Silent(StageView):
    def show(self, run: Run) -> None:
        """Nothing: programs read the end only."""
