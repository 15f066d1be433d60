"""The work of a run, as measured, in a form that is kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Work:
    """What a run did.

    Parameters
    ----------
    run:
        The run's name; empty for work that is only assumed.
    seconds:
        Stage → the seconds of each attempt of it, failed ones too: AWS charges for them.
    transitions:
        How often the state machine entered a state or tried one again.
    stored:
        Dataset → how many objects and bytes it holds after the run.
    on_emr:
        The Spark stages that ran on EMR rather than Glue.
    """

    run: str
    seconds: dict[str, list[float]]
    transitions: int
    stored: dict[str, tuple[int, int]] = field(default_factory=dict)
    on_emr: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the work as it is kept."""
        stored = {name: list(found) for name, found in self.stored.items()}
        done = {"seconds": self.seconds, "transitions": self.transitions, "on_emr": list(self.on_emr)}
        return {"run": self.run, **done, "stored": stored}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Work:
        """Return what :meth:`to_json` kept."""
        stored = {name: (int(objects), int(size)) for name, (objects, size) in kept["stored"].items()}
        on_emr = tuple(kept.get("on_emr", ()))
        return cls(str(kept["run"]), dict(kept["seconds"]), int(kept["transitions"]), stored, on_emr)
