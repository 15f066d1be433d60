"""The tags of what belongs to a workflow."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.workflow.stages import Stage
from headwater.workflow.workflow import Workflow


def stage_tags(workflow: Workflow, stage: Stage | None = None) -> dict[str, str]:
    """Return the tags of what belongs to a workflow, and to one of its stages."""
    tags = {**workflow.tags, "headwater:workflow": workflow.name}
    return tags if stage is None else {**tags, "headwater:stage": stage.name}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most of AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
