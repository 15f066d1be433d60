"""Training and processing jobs as they are kept: one record a job, each change told on the bus once it is committed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.local.bus import Bus
from headwater.local.service import Members, ServiceError
from headwater.local.services.sagemaker.names import now
from headwater.local.store import Record, Store

IN_FLIGHT = frozenset({"InProgress", "Stopping"})
REASON_LENGTH = 1024


class JobTable:
    """The jobs of one kind.

    Parameters
    ----------
    kind:
        ``training-job`` or ``processing-job``: names the records and, with ``sagemaker.`` before it, the topic.
    duplicate, missing:
        AWS's texts with ``{name}`` and ``{arn}``.
    """

    def __init__(self, store: Store, bus: Bus, kind: str, duplicate: str, missing: str) -> None:
        self._store, self._bus = store, bus
        self.kind = kind
        self.topic = f"sagemaker.{kind}"
        self._duplicate, self._missing = duplicate, missing

    def create(self, name: str, arn: str, request: Members, **more: Any) -> Record:
        """Keep a new job, InProgress. Raises ResourceInUse where the name is taken, for ever as on AWS."""
        created = now()
        record = {
            "name": name,
            "arn": arn,
            "request": request,
            "status": "InProgress",
            "created": created,
            "modified": created,
            **more,
        }
        with self._store.transaction():
            if self._store.get(self.topic, name) is not None:
                raise ServiceError("ResourceInUse", self._duplicate.format(name=name, arn=arn))
            self._store.put(self.topic, name, record)
        self._publish(record)
        return record

    def get(self, name: str) -> Record:
        """The record. Raises AWS's ValidationException for a job that is not there."""
        record = self._store.get(self.topic, name)
        if record is None:
            raise ServiceError("ValidationException", self._missing.format(name=name))
        return record

    def has(self, name: str) -> bool:
        """Whether a job of this name was ever made."""
        return self._store.get(self.topic, name) is not None

    def all(self) -> list[Record]:
        """Every job, by name."""
        return [record for _, record in self._store.scan(self.topic)]

    def change(self, name: str, edit: Callable[[Record], None]) -> Record:
        """Edit a record in a transaction; a new status is published when it is committed."""
        with self._store.transaction():
            record = self.get(name)
            before = (record["status"], record.get("secondary"))
            edit(record)
            record["modified"] = now()
            self._store.put(self.topic, name, record)
        if before != (record["status"], record.get("secondary")):
            self._publish(record)
        return record

    def in_flight(self) -> list[str]:
        """The names of jobs that have not ended."""
        return [record["name"] for record in self.all() if record["status"] in IN_FLIGHT]

    def _publish(self, record: Record) -> None:
        self._bus.publish(self.topic, record["name"], record["status"], secondary=record.get("secondary"))


def shorten(reason: str) -> str:
    """A FailureReason as long as AWS lets it be."""
    return reason[:REASON_LENGTH]
