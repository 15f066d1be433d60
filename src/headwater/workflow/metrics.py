"""The numbers that stages declare: which of them a log's JSON lines may hold, and how their names may be wrong.

Sources: SageMaker API reference, MetricDefinition (Name up to 255 characters, Regex up to 500) and
AlgorithmSpecification (40 definitions), read 2026-11-25.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.workflow import names
from headwater.workflow.stages import MetricDefinition, ProcessingStage, Stage, TrainingStage

MOST_DEFINITIONS = 40
LONGEST_NAME, LONGEST_REGEX = 255, 500


def logged_metrics(stage: Stage) -> tuple[str, ...]:
    """Return the numbers of a stage that its JSON log lines may hold as fields."""
    if isinstance(stage, ProcessingStage):
        return stage.metrics
    if isinstance(stage, TrainingStage):
        return tuple(each.name for each in stage.metric_definitions if each.regex is None)
    return ()


def metric_mistakes(stage: Stage) -> Iterator[str]:
    """Yield what is wrong with the metrics that a stage declares."""
    for name in logged_metrics(stage):
        if not names.METRIC.allows(name):
            yield f"metric {name!r}: {names.METRIC.rule}"
    if isinstance(stage, TrainingStage):
        if len(stage.metric_definitions) > MOST_DEFINITIONS:
            yield f"{len(stage.metric_definitions)} metric definitions: SageMaker takes {MOST_DEFINITIONS}"
        for each in stage.metric_definitions:
            yield from _definition(each)
        names_given = [each.name for each in stage.metric_definitions]
        for name in dict.fromkeys(name for name in names_given if names_given.count(name) > 1):
            yield f"metric {name!r} is defined twice"


def _definition(given: MetricDefinition) -> Iterator[str]:
    where, regex = f"metric {given.name!r}", given.regex
    if regex is None:
        return
    if not isinstance(given.name, str) or not 1 <= len(given.name) <= LONGEST_NAME:
        yield f"{where}: SageMaker takes a name of 1 to {LONGEST_NAME} characters"
    if not isinstance(regex, str) or not 1 <= len(regex) <= LONGEST_REGEX:
        yield f"{where}: expected a regular expression of 1 to {LONGEST_REGEX} characters, got {regex!r}"
        return
    if "${" in regex or regex.startswith("{%"):
        yield f"{where}: {regex!r} holds ${{ or begins with {{%, which the state machine would replace; write [$]{{"
    try:
        groups = re.compile(regex).groups
    except re.error as error:
        yield f"{where}: {regex!r} is no regular expression: {error}"
        return
    if not groups:
        yield f"{where}: {regex!r} needs a group around the number, as in auc=([0-9.]+)"
