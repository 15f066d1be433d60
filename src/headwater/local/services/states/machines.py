"""State machines as records: the machine, its revisions (each update makes one), versions and aliases."""

from __future__ import annotations

import random
import re
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.store import Record, Store

ACTIVITY = "states.activity"
MACHINE = "states.machine"
REVISION = "states.revision"
VERSION = "states.version"
ALIAS = "states.alias"
MACHINE_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]+:\d+:stateMachine:.+")


class Machines:
    """The state machines that the store holds."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def find(self, arn: str) -> Record:
        """The machine of an ARN; StateMachineDoesNotExist when there is none."""
        machine = self.store.get(MACHINE, arn)
        if machine is None:
            check_arn(arn, MACHINE_ARN)
            raise missing(arn)
        return machine

    def started_by(self, arn: str) -> tuple[Record, str | None]:
        """The machine of an ARN, and ``version_arn`` or ``alias_arn`` when the ARN is that of a version or an alias."""
        for kind, field in ((VERSION, "version_arn"), (ALIAS, "alias_arn")):
            if self.store.get(kind, arn) is not None:
                return self.find(arn.rpartition(":")[0]), field
        return self.find(arn), None

    def revision(self, revision_id: str) -> Record:
        """A revision: definition, role, logging and when it was made."""
        revision = self.store.get(REVISION, revision_id)
        if revision is None:
            raise ServiceError("StateMachineDoesNotExist", f"Revision {revision_id} does not exist")
        return revision

    def resolve(self, arn: str) -> tuple[Record, Record, str | None, str | None]:
        """(machine, revision, version ARN, alias ARN) of a machine's, version's or alias's ARN."""
        machine = self.store.get(MACHINE, arn)
        if machine is not None:
            return machine, self.revision(machine["revision"]), None, None
        version = self.store.get(VERSION, arn)
        if version is not None:
            return self.find(version["machineArn"]), self.revision(version["revision"]), arn, None
        alias = self.store.get(ALIAS, arn)
        if alias is not None:
            version_arn = route(alias["routingConfiguration"])
            machine, revision, _, _ = self.resolve(version_arn)
            return machine, revision, version_arn, arn
        check_arn(arn, MACHINE_ARN)
        raise missing(arn)

    def add_revision(self, body: dict[str, Any]) -> str:
        """Keep a revision under its ``id``."""
        revision_id = str(body["id"])
        self.store.put(REVISION, revision_id, body)
        return revision_id


def check_arn(arn: str, form: re.Pattern[str]) -> None:
    """Refuse a text that is no ARN of the wanted form (InvalidArn)."""
    if not arn.startswith("arn:"):
        raise ServiceError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if not form.fullmatch(arn):
        raise ServiceError("InvalidArn", f"Invalid Arn: '{arn}'")


def missing(arn: str) -> ServiceError:
    """AWS's error for a state machine that is not there."""
    return ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def route(routing: list[dict[str, Any]]) -> str:
    """The version that an alias sends an execution to, by weight."""
    weights = [entry["weight"] for entry in routing]
    chosen = random.SystemRandom().choices(routing, weights=weights)[0]
    return str(chosen["stateMachineVersionArn"])
