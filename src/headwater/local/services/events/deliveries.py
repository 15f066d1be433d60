"""Deliveries under way: journaled before they begin, done on threads of their own, retried, buried when hopeless.

Each is in the store until it is done, so what a kill of the process cut off is delivered at the next start: at least
once, as on AWS. Failed attempts are repeated after 1, 2, 4 … seconds (at most five minutes, with jitter), up to the
target's RetryPolicy (AWS's defaults: 185 attempts, 24 hours).
"""

from __future__ import annotations

import heapq
import json
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Iterable

from headwater.local.service import Endpoint, Members, ServiceError
from headwater.local.services.events.senders import DeliveryError, Senders
from headwater.local.services.events.target_input import Origin, target_input

DELIVERY = "events.delivery"
THREADS = 4
LONGEST_PAUSE_S = 300.0
MOST_ATTEMPTS = 185
LONGEST_AGE_S = 86_400

log = logging.getLogger(__name__)


class Deliveries:
    """The journal and the threads. Thread-safe; the threads start with the first delivery.

    Parameters
    ----------
    endpoint:
        Gives the store and the targets' services.
    first_pause_s:
        The pause after the first failed attempt; each later one is twice as long.
    """

    def __init__(self, endpoint: Endpoint, first_pause_s: float = 1.0) -> None:
        self._store = endpoint.store
        self._senders = Senders(endpoint)
        self._first_pause_s = first_pause_s
        self._changed = threading.Condition()
        self._due: list[tuple[float, str]] = []
        self._threads: list[threading.Thread] = []
        self._active = 0
        self._closed = False

    def new(self, event: Members, rule: Members, received: str) -> list[Members]:
        """The deliveries of an event by a rule that matches it, one a target; not yet kept."""
        accepted = time.time()
        return [
            {
                "id": uuid.uuid4().hex,
                "event": event,
                "rule": {"Name": rule["Name"], "Arn": rule["Arn"]},
                "target": target,
                "received": received,
                "accepted": accepted,
                "attempts": 0,
                "due": 0.0,
            }
            for target in rule["Targets"]
        ]

    def keep(self, deliveries: Iterable[Members]) -> None:
        """Write deliveries to the journal (in the caller's transaction)."""
        for delivery in deliveries:
            self._store.put(DELIVERY, delivery["id"], delivery)

    def begin(self, deliveries: Iterable[Members]) -> None:
        """Deliver what the journal has."""
        with self._changed:
            for delivery in deliveries:
                heapq.heappush(self._due, (delivery["due"], delivery["id"]))
            if self._due and not self._threads and not self._closed:
                self._threads = [
                    threading.Thread(target=self._work, name=f"event-delivery-{n}", daemon=True) for n in range(THREADS)
                ]
                for thread in self._threads:
                    thread.start()
            self._changed.notify_all()

    def resume(self) -> None:
        """Take up what an earlier process left."""
        self.begin([delivery for _, delivery in self._store.scan(DELIVERY)])

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
        delivery = self._store.get(DELIVERY, key)
        if delivery is None:
            return
        try:
            origin = Origin(delivery["rule"]["Arn"], delivery["rule"]["Name"], delivery["received"])
            self._senders.send(delivery, target_input(delivery["target"], delivery["event"], origin))
        except DeliveryError as error:
            self._failed(delivery, error)
            return
        except Exception as error:
            if self._closed:
                return  # the endpoint goes away under it: it stays in the journal
            log.exception("the delivery to %s failed", delivery["target"]["Arn"])
            self._failed(delivery, DeliveryError("INTERNAL_ERROR", repr(error), retry=True))
            return
        self._store.delete(DELIVERY, key)

    def _failed(self, delivery: Members, error: DeliveryError) -> None:
        delivery["attempts"] += 1
        pause_s = min(self._first_pause_s * 2 ** (delivery["attempts"] - 1), LONGEST_PAUSE_S)
        delivery["due"] = time.time() + pause_s * (0.75 + secrets.randbelow(500) / 1000)
        exhausted = _exhausted(delivery)
        if error.retry and exhausted is None:
            log.warning("event %s to %s: %s; retried", delivery["event"]["id"], delivery["target"]["Arn"], error)
            self._store.put(DELIVERY, delivery["id"], delivery)
            self.begin([delivery])
            return
        self._give_up(delivery, error, exhausted if error.retry else None)
        self._store.delete(DELIVERY, delivery["id"])

    def _give_up(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        where = delivery["target"].get("DeadLetterConfig", {}).get("Arn")
        told = (delivery["rule"]["Name"], delivery["event"]["id"], delivery["target"]["Arn"], error)
        log.error("rule %s could not deliver event %s to %s: %s", *told)
        if where is None:
            return
        try:
            self._senders.bury(delivery, error, exhausted)
        except (DeliveryError, ServiceError) as failed:
            log.error("event %s could not be sent to %s: %s", json.dumps(delivery["event"]["id"]), where, failed)


def _exhausted(delivery: Members) -> str | None:
    """Which condition of the retry policy forbids another attempt, if any."""
    policy = delivery["target"].get("RetryPolicy", {})
    if delivery["attempts"] > policy.get("MaximumRetryAttempts", MOST_ATTEMPTS):
        return "MaximumRetryAttempts"
    if delivery["due"] - delivery["accepted"] > policy.get("MaximumEventAgeInSeconds", LONGEST_AGE_S):
        return "MaximumEventAgeInSeconds"
    return None
