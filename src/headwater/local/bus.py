"""Events between services: what ended, as it ends.

``.sync`` tasks wait on these instead of polling. An event says only *that* something changed; the truth is in the
store, so a subscriber reads the record before it subscribes and again when it is told, and a missed event of an
earlier process costs nothing.

Topics are ``<service>.<resource>`` (``glue.job-run``, ``glue.crawler``, ``sagemaker.training-job``,
``sagemaker.processing-job``, ``states.execution``) and the payload always has ``id`` and ``status``.
``states.execution.commit`` is told within the transaction that commits the change: a subscriber writes to the store, so
that a kill leaves both or neither, and does nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Subscriber = Callable[[Event], None]

log = logging.getLogger(__name__)


class Bus:
    """Publish and subscribe within the process. Thread-safe; subscribers run on the publisher's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[str, list[Subscriber]] = defaultdict(list)

    def subscribe(self, topic: str, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber`` for every later event of ``topic``; the answer ends the subscription."""
        with self._lock:
            self._subscribers[topic].append(subscriber)

        def unsubscribe() -> None:
            with self._lock:
                if subscriber in self._subscribers[topic]:
                    self._subscribers[topic].remove(subscriber)

        return unsubscribe

    def publish(self, topic: str, id: str, status: str, **details: Any) -> None:
        """Tell the subscribers of ``topic``. A failing subscriber is logged and does not stop the others."""
        with self._lock:
            subscribers = list(self._subscribers[topic])
        for subscriber in subscribers:
            try:
                subscriber({"id": id, "status": status, **details})
            except Exception:
                log.exception("a subscriber of %s failed on %s", topic, id)
