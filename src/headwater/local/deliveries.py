"""Deliveries under way: journaled before they begin, done on threads of their own, retried, buried when hopeless.

Each is in the store until it is done, so what a kill of the process cut off is delivered at the next start: at least
once, as on AWS. Failed attempts are repeated after 1, 2, 4 … seconds (at most five minutes, with jitter), up to the
target's RetryPolicy (AWS's defaults: 185 attempts, 24 hours).

EventBridge's rules and its Scheduler deliver by this; each says how it sends and where it buries.
"""

from __future__ import annotations

import heapq
import logging
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from headwater.local.service import Members, ServiceError
from headwater.local.store import Store

THREADS = 4
LONGEST_PAUSE_S = 300.0
MOST_ATTEMPTS = 185
LONGEST_AGE_S = 86_400
# Error codes (of any service) → what EventBridge calls them, and whether it tries again.
# "Event retry policy and using dead-letter queues", EventBridge User Guide, 2026: missing permissions and targets that
# are gone are not retried.
THROTTLED = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ProvisionedThroughput")
DENIED = ("AccessDenied", "NotAuthorized", "AuthorizationError")
GONE = ("NotFound", "NonExistent", "DoesNotExist", "NoSuch")

log = logging.getLogger(__name__)


class DeliveryError(Exception):
    """A delivery that failed.

    Parameters
    ----------
    code, text:
        What the dead-letter queue is told.
    retry:
        Whether another attempt may succeed.
    """

    def __init__(self, code: str, text: str, retry: bool) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.retry = retry

    @classmethod
    def of(cls, error: ServiceError) -> DeliveryError:
        """The failure that a service's error means."""
        if error.status == 429 or any(word in error.code for word in THROTTLED):
            return cls("THROTTLING", str(error), retry=True)
        if any(word in error.code for word in DENIED):
            return cls("NO_PERMISSIONS", str(error), retry=False)
        if any(word in error.code for word in GONE):
            return cls("NO_RESOURCE", str(error), retry=False)
        return cls("SDK_CLIENT_ERROR", str(error), retry=error.status >= 500)


class Deliveries(ABC):
    """The journal and the threads. Thread-safe; the threads start with the first delivery.

    A delivery is a dict with at least ``id``, ``target`` (with AWS's RetryPolicy and DeadLetterConfig), ``attempts``
    made so far, and ``accepted`` and ``due`` in seconds since the epoch.

    Parameters
    ----------
    store:
        Where the journal is.
    first_pause_s:
        The pause after the first failed attempt; each later one is twice as long.
    """

    kind: ClassVar[str]
    """The kind of their records in the store."""

    def __init__(self, store: Store, first_pause_s: float = 1.0) -> None:
        self._store = store
        self._first_pause_s = first_pause_s
        self._changed = threading.Condition()
        self._due: list[tuple[float, str]] = []
        self._threads: list[threading.Thread] = []
        self._active = 0
        self._closed = False

    @abstractmethod
    def send(self, delivery: Members) -> None:
        """Deliver. Raises :class:`DeliveryError`."""

    @abstractmethod
    def bury(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        """Send what failed to the target's dead-letter queue. Raises :class:`DeliveryError` or a ServiceError."""

    @abstractmethod
    def named(self, delivery: Members) -> str:
        """What a log line calls it."""

    def keep(self, deliveries: Iterable[Members]) -> None:
        """Write deliveries to the journal (in the caller's transaction)."""
        for delivery in deliveries:
            self._store.put(self.kind, delivery["id"], delivery)

    def begin(self, deliveries: Iterable[Members]) -> None:
        """Deliver what the journal has."""
        with self._changed:
            for delivery in deliveries:
                heapq.heappush(self._due, (delivery["due"], delivery["id"]))
            if self._due and not self._threads and not self._closed:
                self._threads = [
                    threading.Thread(target=self._work, name=f"{self.kind}-{n}", daemon=True) for n in range(THREADS)
                ]
                for thread in self._threads:
                    thread.start()
            self._changed.notify_all()

    def resume(self) -> None:
        """Take up what an earlier process left."""
        self.begin([delivery for _, delivery in self._store.scan(self.kind)])

    def drain(self, limit_s: float) -> bool:
        """Wait until nothing is under way or due now; False when that took longer than ``limit_s`` seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._active and not (self._due and self._due[0][0] <= time.time()), limit_s
            )

    def close(self) -> None:
        """Stop after the attempts under way; what is left stays in the journal."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    # -- the threads ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (key := self._take()) is not None:
            try:
                self._deliver(key)
            except Exception:
                log.exception("the delivery %s failed", key)
            finally:
                with self._changed:
                    self._active -= 1
                    self._changed.notify_all()

    def _take(self) -> str | None:
        with self._changed:
            while not self._closed:
                if self._due and self._due[0][0] <= time.time():
                    self._active += 1
                    return heapq.heappop(self._due)[1]
                self._changed.wait(self._due[0][0] - time.time() if self._due else None)
            return None

    def _deliver(self, key: str) -> None:
        delivery = self._store.get(self.kind, key)
        if delivery is None:
            return
        try:
            self.send(delivery)
        except DeliveryError as error:
            self._failed(delivery, error)
            return
        except Exception as error:
            if self._closed:
                return  # the endpoint goes away under it: it stays in the journal
            log.exception("the delivery to %s failed", delivery["target"]["Arn"])
            self._failed(delivery, DeliveryError("INTERNAL_ERROR", repr(error), retry=True))
            return
        self._store.delete(self.kind, key)

    def _failed(self, delivery: Members, error: DeliveryError) -> None:
        delivery["attempts"] += 1
        pause_s = min(self._first_pause_s * 2 ** (delivery["attempts"] - 1), LONGEST_PAUSE_S)
        delivery["due"] = time.time() + pause_s * (0.75 + secrets.randbelow(500) / 1000)
        exhausted = _exhausted(delivery)
        if error.retry and exhausted is None:
            log.warning("%s to %s: %s; retried", self.named(delivery), delivery["target"]["Arn"], error)
            self._store.put(self.kind, delivery["id"], delivery)
            self.begin([delivery])
            return
        self._give_up(delivery, error, exhausted if error.retry else None)
        self._store.delete(self.kind, delivery["id"])

    def _give_up(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        where = delivery["target"].get("DeadLetterConfig", {}).get("Arn")
        log.error("%s could not be delivered to %s: %s", self.named(delivery), delivery["target"]["Arn"], error)
        if where is None:
            return
        try:
            self.bury(delivery, error, exhausted)
        except (DeliveryError, ServiceError) as failed:
            log.error("%s could not be sent to %s: %s", self.named(delivery), where, failed)


def _exhausted(delivery: Members) -> str | None:
    """Which condition of the retry policy forbids another attempt, if any."""
    policy = delivery["target"].get("RetryPolicy", {})
    if delivery["attempts"] > policy.get("MaximumRetryAttempts", MOST_ATTEMPTS):
        return "MaximumRetryAttempts"
    if delivery["due"] - delivery["accepted"] > policy.get("MaximumEventAgeInSeconds", LONGEST_AGE_S):
        return "MaximumEventAgeInSeconds"
    return None
