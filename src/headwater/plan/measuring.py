"""Measuring what a stage reads, in the state machine itself, to choose the engine that runs it.

::

    <stage>: measure    Pass    $left_<stage>, the prefixes to list
    <stage>: list       Task    s3:listObjectsV2, a page; adds its sizes to $bytes_<stage>
    <stage>: large?     Choice  more than the threshold → EMR; more to list → list; else Glue

The sum is that of the objects' sizes, compressed as they are, of every dataset read but models. Of a dataset that is
partitioned by year, month and day (as far as it is, in this order) a run with a RUN_DATE measures only that period,
with and without leading zeros (`month=1`, `month=01`); any other is measured whole, though a script may read a part.

A page has at most :data:`PAGE_OBJECTS` objects: a task's result may have 256 KiB (Step Functions quotas, read 2026-11),
and an object's record takes up to 1,024 bytes for its key and some 200 for the rest. Listing ends as soon as the sum
exceeds the threshold. It also ends, and the stage goes to EMR, after :func:`most_pages` pages: an execution's history
has at most 25,000 events (the same quotas), and a page takes :data:`PAGE_EVENTS` of them. A dataset of so many objects
keeps a driver busy with listing, whatever their size.
"""

from __future__ import annotations

import json
from typing import Any

from headwater.plan.naming import BUCKET, variable
from headwater.plan.retries import retriers
from headwater.workflow.lake import Dataset
from headwater.workflow.stages import SparkStage
from headwater.workflow.workflow import RUN_DATE

State = dict[str, Any]

PAGE_OBJECTS = 200
PAGE_EVENTS = 7  # task: entered, scheduled, started, succeeded, exited; choice: entered, exited
MOST_PAGES = 500
_EVENTS_FOR_PAGES = 15_000
BYTES_PER_GB = 1_000_000_000
_FORWARD = "{% $states.input %}"
_PERIOD = ("year", "month", "day")
_WITHIN = {1: "$year", 2: "$month", 3: "$day"}


def measured(stage: SparkStage) -> list[Dataset]:
    """Return the datasets whose size chooses the engine."""
    return [dataset for dataset in stage.reads if dataset.zone != "model"]


def most_pages(measured_stages: int) -> int:
    """Return how many pages a stage may list, so that those of all stages fit into an execution's history."""
    return max(1, min(MOST_PAGES, _EVENTS_FOR_PAGES // (PAGE_EVENTS * max(1, measured_stages))))


def measuring_states(stage: SparkStage, small: str, large: str, pages: int) -> dict[str, State]:
    """Return the states that measure; the first is `<stage>: measure`.

    Parameters
    ----------
    small, large:
        The states to go to.
    pages:
        The most pages to list.
    """
    name = variable(stage.name)
    measure, page, choice = (f"{stage.name}: {word}" for word in ("measure", "list", "large?"))
    left, after, size, count = (f"{word}_{name}" for word in ("left", "after", "bytes", "pages"))
    threshold_bytes = round(stage.emr_above_gb * BYTES_PER_GB)
    result = "$states.result"
    start = {left: _prefixes(measured(stage)), after: "", size: 0, count: 0}
    listing = {
        "Bucket": f"${{{BUCKET}}}",
        "Prefix": f"{{% ${left}[0] %}}",
        "StartAfter": f"{{% ${after} = '' ? ${left}[0] : ${after} %}}",
        "MaxKeys": PAGE_OBJECTS,
    }
    learned = {
        size: f"{{% ${size} + $sum([0, {result}.Contents.Size]) %}}",
        count: f"{{% ${count} + 1 %}}",
        after: f"{{% {result}.IsTruncated ? {result}.Contents[-1].Key : '' %}}",
        left: f"{{% {result}.IsTruncated ? ${left} : [$filter(${left}, function($v, $i) {{ $i > 0 }})] %}}",
    }
    choices = [
        {"Condition": f"{{% ${size} > {threshold_bytes} %}}", "Next": large},
        {"Condition": f"{{% $count(${left}) = 0 %}}", "Next": small},
        {"Condition": f"{{% ${count} >= {pages} %}}", "Next": large},
    ]
    return {
        measure: {"Type": "Pass", "Assign": start, "Output": _FORWARD, "Next": page},
        page: {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:s3:listObjectsV2",
            "Arguments": listing,
            "Assign": learned,
            "Output": _FORWARD,
            "TimeoutSeconds": 60,
            "Retry": retriers("gate", 0),
            "Next": choice,
        },
        choice: {"Type": "Choice", "Choices": choices, "Default": page},
    }


def _prefixes(datasets: list[Dataset]) -> list[str] | str:
    """What to list: the datasets' prefixes, narrowed to the run's period where their partitions say how."""
    depths = {dataset.prefix: _depth(dataset) for dataset in datasets}
    if not any(depths.values()):
        return list(depths)
    listed = ", ".join(
        f"$dated ? {_WITHIN[depth]}.({json.dumps(prefix)} & $) : {json.dumps(prefix)}" if depth else json.dumps(prefix)
        for prefix, depth in depths.items()
    )
    # Each number in both spellings; the closing list is flat, since JSONata flattens what an expression in it gives.
    written = "$both := function($name, $text) { $distinct([$text, $string($number($text))]).($name & '=' & $ & '/') }"
    below = "$below := function($above, $parts) { $above.($x := $; $parts.($x & $)) }"
    return (
        f"{{% ($date := $string($run.{RUN_DATE}); $dated := $contains($date, /^[0-9]{{4}}-[0-9]{{2}}(-[0-9]{{2}})?$/); "
        f"{written}; {below}; "
        "$year := 'year=' & $substring($date, 0, 4) & '/'; "
        "$month := $dated ? $below($year, $both('month', $substring($date, 5, 2))) : []; "
        "$day := $dated and $length($date) = 10 ? $below($month, $both('day', $substring($date, 8, 2))) : $month; "
        f"[{listed}]) %}}"
    )


def _depth(dataset: Dataset) -> int:
    """How many of a dataset's first partitions are year, month and day, in this order."""
    depth = 0
    while depth < min(len(_PERIOD), len(dataset.partitions)) and dataset.partitions[depth] == _PERIOD[depth]:
        depth += 1
    return depth
