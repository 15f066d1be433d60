"""Applications and job runs as records: their keys, their answers, and the errors of both."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from headwater.local.service import Members, Service, ServiceError
from headwater.local.store import Record

APPLICATION, RUN = "emr-serverless.application", "emr-serverless.job-run"
APPLICATION_TOPIC, RUN_TOPIC = APPLICATION, RUN
ENDED = frozenset({"CANCELLED", "FAILED", "SUCCESS"})
DATES = ("attemptCreatedAt", "attemptUpdatedAt", "createdAt", "endedAt", "jobCreatedAt", "startedAt", "updatedAt")
LONGEST_DETAILS = 256
MOST_SHOWN = 50


def invalid(message: str) -> ServiceError:
    """ValidationException."""
    return ServiceError("ValidationException", message)


def new_id() -> str:
    """An id as AWS makes them: lower-case letters and digits."""
    return f"00{uuid.uuid4().hex[:14]}"


def run_key(application: str, run: str) -> str:
    """The record's key: an application's runs stand together."""
    return f"{application}\x1f{run}"


def shown(record: Record) -> Members:
    """What a client sees of a record."""
    seen: Members = {name: value for name, value in record.items() if not name.startswith("_") and value is not None}
    for name in DATES:
        if name in seen:
            seen[name] = datetime.fromtimestamp(seen[name], UTC)
    return seen


def details(text: str) -> str:
    """A text within the 256 characters of `stateDetails`."""
    return text if len(text) <= LONGEST_DETAILS else f"{text[: LONGEST_DETAILS - 1]}…"


def page(items: list[Members], most: int | None, token: str | None, name: str) -> Members:
    """A page of a listing; the token is the number of what came before."""
    if token is not None and not token.isdigit():
        raise invalid("Invalid nextToken")
    first, size = int(token or 0), most or MOST_SHOWN
    answered: Members = {name: items[first : first + size]}
    if first + size < len(items):
        answered["nextToken"] = str(first + size)
    return answered


class EmrServerlessRecords(Service):
    """What both kinds of operations stand on."""

    name = "emr-serverless"

    def arn(self, rest: str) -> str:
        """An ARN of this account."""
        return f"arn:aws:emr-serverless:{self.endpoint.region}:{self.endpoint.account}:/applications/{rest}"

    def application(self, application_id: str) -> Record:
        """An application, stopped by now when it was idle for too long; ResourceNotFoundException without it."""
        record = self.store.get(APPLICATION, application_id)
        if record is None:
            raise ServiceError("ResourceNotFoundException", f"Application {application_id} does not exist", 404)
        stop = record.get("autoStopConfiguration") or {}
        idle_s = float(stop.get("idleTimeoutMinutes", 15)) * 60
        idle = record["state"] == "STARTED" and stop.get("enabled", True) and not self.active(application_id)
        if idle and time.time() - float(record["_used"]) > idle_s:
            return self.set_state(record, "STOPPED", "The application was idle")
        return record

    def set_state(self, record: Record, state: str, why: str = "") -> Record:
        """Keep an application's state, and tell."""
        changed = {**record, "state": state, "stateDetails": why, "updatedAt": time.time(), "_used": time.time()}
        self.store.put(APPLICATION, record["applicationId"], changed)
        self.endpoint.bus.publish(APPLICATION_TOPIC, record["applicationId"], state)
        return changed

    def runs(self, application_id: str) -> list[Record]:
        """An application's job runs, the newest first."""
        found = [record for _, record in self.store.scan(RUN, prefix=f"{application_id}\x1f")]
        return sorted(found, key=lambda record: float(record["createdAt"]), reverse=True)

    def active(self, application_id: str) -> list[Record]:
        """Its job runs that have not ended."""
        return [record for record in self.runs(application_id) if record["state"] not in ENDED]

    def run(self, application_id: str, run_id: str) -> Record:
        """A job run; ResourceNotFoundException without it."""
        record = self.store.get(RUN, run_key(application_id, run_id))
        if record is None:
            raise ServiceError("ResourceNotFoundException", f"Job run {run_id} does not exist", 404)
        return record

    def tagged(self, arn: str) -> tuple[str, str, Record]:
        """The kind, key and record that an ARN names."""
        parts = arn.partition(":/applications/")[2].split("/")
        if len(parts) == 1 and parts[0]:
            return APPLICATION, parts[0], self.application(parts[0])
        if len(parts) == 3 and parts[1] == "jobruns":
            return RUN, run_key(parts[0], parts[2]), self.run(parts[0], parts[2])
        raise invalid(f"Invalid resource ARN: {arn}")


def only(record: Record, names: Iterable[str]) -> Members:
    """Some members of what a client sees."""
    seen = shown(record)
    return {name: seen[name] for name in names if name in seen}
