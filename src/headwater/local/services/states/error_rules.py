"""``Retry`` and ``Catch``: which errors they take, and what they do then."""

from __future__ import annotations

import random
from dataclasses import dataclass

from headwater.local.services.states.errors import StateFailure, matches
from headwater.local.services.states.reference_paths import ReferencePath
from headwater.local.services.states.templates import Template

MAX_INTERVAL_S = 31_622_400.0
_jitter = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Retrier:
    """One rule of ``Retry``."""

    error_equals: tuple[str, ...]
    interval_s: float
    max_attempts: int
    backoff_rate: float
    max_delay_s: float | None
    full_jitter: bool

    def backoff_s(self, attempts: int) -> float:
        """How long to wait after ``attempts`` retries were used, before jitter."""
        try:
            delay = self.interval_s * self.backoff_rate**attempts
        except OverflowError:
            delay = MAX_INTERVAL_S
        return min(delay, self.max_delay_s or MAX_INTERVAL_S, MAX_INTERVAL_S)

    def delay_ms(self, attempts: int) -> int:
        """The same with jitter, in milliseconds."""
        delay = self.backoff_s(attempts)
        return int(1000 * (_jitter.uniform(0, delay) if self.full_jitter else delay))


@dataclass(frozen=True, slots=True)
class Catcher:
    """One rule of ``Catch``."""

    error_equals: tuple[str, ...]
    next: str
    result_path: ReferencePath
    discard: bool
    output: Template | None
    assign: Template | None


def retrier_for(retriers: tuple[Retrier, ...], failure: StateFailure, used: list[int]) -> int | None:
    """The index of the first rule that takes the failure, if it has attempts left."""
    for index, retrier in enumerate(retriers):
        if matches(retrier.error_equals, failure):
            attempts = used[index] if index < len(used) else 0
            return index if attempts < retrier.max_attempts else None
    return None


def catcher_for(catchers: tuple[Catcher, ...], failure: StateFailure) -> Catcher | None:
    """The first rule that takes the failure."""
    return next((catcher for catcher in catchers if matches(catcher.error_equals, failure)), None)
