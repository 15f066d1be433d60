"""What a deploy would change, for people: policies first, then what is replaced, what goes, and the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from headwater.cli.console import counted, out

if TYPE_CHECKING:
    from headwater.cloud.changes import Change, PropertyChange
    from headwater.cloud.shared_logs import SharedGroup

LONGEST_VALUE = 100
ABSENT = object()  # a part that one side does not have; None is JSON's null
SIGNS = {"Add": ("+", "green"), "Import": ("<", "cyan"), "Modify": ("~", "yellow"), "Remove": ("-", "red")}
STATUS_STYLES = {"FAILED": "red", "ROLLBACK": "red", "COMPLETE": "green"}


def say_changes(changes: Sequence[Change]) -> None:
    """Print changes as a table in groups, each changed property below its resource."""
    from headwater.cloud.changes import GROUPS, ordered

    width = max((len(change.logical_id) for change in changes), default=0)
    for group in GROUPS:
        found = [change for change in ordered(changes) if change.group == group]
        if found:
            out.print(f"{group} ({len(found)})", style="bold")
        for change in found:
            _say(change, width)
    out.print(count_text(changes))


def say_log_groups(groups: Sequence[SharedGroup]) -> None:
    """Print what is done to log groups of the whole account."""
    if groups:
        out.print(f"log groups that the account shares ({len(groups)})", style="bold")
    for group in groups:
        sign, note = ("~", "kept for ever until now") if group.exists else ("+", "no stack's: destroy leaves it")
        line = f"  {sign} {group.name}  keeps its events for {group.days} days ({note})"
        out.print(line, style="yellow" if group.exists else "green", markup=False)


def count_text(changes: Sequence[Change]) -> str:
    """How many resources are made, changed, replaced and deleted."""
    replaced = sum(change.replacement == "True" for change in changes)
    counts = {
        "to make": sum(change.action == "Add" for change in changes),
        "to take over": sum(change.action == "Import" for change in changes),
        "to change": sum(change.action == "Modify" for change in changes) - replaced,
        "to replace": replaced,
        "to delete": sum(change.action == "Remove" and change.deletes for change in changes),
        "to leave behind": sum(change.action == "Remove" and not change.deletes for change in changes),
    }
    parts = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{counted(len(changes), 'resource')}: {parts}"


def _say(change: Change, width: int) -> None:
    sign, style = SIGNS[change.action]
    note = ""
    if change.replacement in ("True", "Conditional"):
        sometimes = "" if change.replacement == "True" else "may be "
        old = "the old one is deleted" if change.deletes else "the old one is kept"
        note, style = f"  {sometimes}replaced{': ' + old if not sometimes else ''}", "red" if change.deletes else style
    elif change.action == "Remove":
        note = "  deleted" if change.deletes else "  stays, outside the stack"
        style = "red" if change.deletes else "yellow"
    elif change.action == "Import":
        note = f"  exists: taken over ({change.physical_id})"
    out.print(f"  [{style}]{sign} {change.logical_id:<{width}}  {change.type}{escape(note)}[/{style}]")
    for changed in change.properties:
        for line in _lines(changed):
            out.print(f"      {line}", markup=False, style="dim")


def _lines(changed: PropertyChange) -> list[str]:
    again = {"Always": " (replaces)", "Conditionally": " (may replace)"}.get(changed.recreation, "")
    if not changed.known:
        return [f"{changed.name}{again}"]
    return [
        f"{path}{again}: {short(before)} → {short(after)}"
        for path, before, after in differing(changed.name, given(changed.before), given(changed.after))
    ]


def given(value: Any) -> Any:
    """The value of a whole property, of which CloudFormation tells none by null."""
    return ABSENT if value is None else value


def differing(path: str, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """The innermost parts of a value that differ, each by its path; ABSENT on the side that lacks the part."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted(before.keys() ^ after.keys())
        alone = [(f"{path}.{name}", before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]
        shared = [
            differing(f"{path}.{name}", before[name], after[name]) for name in sorted(before.keys() & after.keys())
        ]
        return [*alone, *(part for parts in shared for part in parts)]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        parts = [differing(f"{path}[{n}]", old, new) for n, (old, new) in enumerate(zip(before, after, strict=True))]
        return [part for each in parts for part in each]
    return [] if before == after else [(path, before, after)]


def short(value: Any) -> str:
    """A value in one line that is not long."""
    if value is ABSENT:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def say_event(event: dict[str, Any]) -> None:
    """Print a stack's event as it comes."""
    status = str(event["ResourceStatus"])
    style = next((STATUS_STYLES[word] for word in STATUS_STYLES if word in status), "dim")
    reason = event.get("ResourceStatusReason", "")
    said = f"  {reason}" if reason and reason != "User Initiated" else ""
    stamp = event["Timestamp"].strftime("%H:%M:%S")
    line = f"  {stamp}  {status:<20}  {event['ResourceType']:<36}  {event['LogicalResourceId']}{said}"
    out.print(line, style=style, markup=False)
