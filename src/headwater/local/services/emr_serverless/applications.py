"""Applications: what job runs are sent to. Here they hold settings; the workers are this machine's."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from headwater.local.engines.emr_releases import spark_line
from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.emr_serverless.records import (
    APPLICATION,
    APPLICATION_TOPIC,
    EmrServerlessRecords,
    invalid,
    new_id,
    only,
    page,
    shown,
)

NAME = re.compile(r"[A-Za-z0-9._/#-]{1,64}")
SIZE = re.compile(r"[1-9]\d*(\.\d+)?(\s?(vCPU|GB|gb|gB|Gb|vcpu|VCPU))?")
SETTINGS = frozenset(
    {
        "architecture",
        "autoStartConfiguration",
        "autoStopConfiguration",
        "diskEncryptionConfiguration",
        "initialCapacity",
        "interactiveConfiguration",
        "maximumCapacity",
        "monitoringConfiguration",
        "networkConfiguration",
        "releaseLabel",
        "runtimeConfiguration",
        "schedulerConfiguration",
        "workerTypeSpecifications",
    }
)
SUMMARY = ("name", "arn", "releaseLabel", "type", "state", "stateDetails", "createdAt", "updatedAt", "architecture")


class ApplicationOperations(EmrServerlessRecords):
    """Operations on applications, and on tags."""

    @operation
    def create_application(
        self,
        call: Call,
        releaseLabel: str,
        type: str,
        clientToken: str | None = None,
        name: str | None = None,
        tags: dict[str, str] | None = None,
        **settings: Any,
    ) -> Members:
        """Make an application; the same token answers the one that it made."""
        token = clientToken or str(uuid.uuid4())  # SDKs make one up
        known = next((r for _, r in self.store.scan(APPLICATION) if r["_token"] == token), None)
        if known is not None:
            return only(known, ("applicationId", "name", "arn"))
        if type.upper() != "SPARK":
            raise invalid(f"Headwater computes applications of the type SPARK, got {type}")
        if name is not None and not NAME.fullmatch(name):
            raise invalid(f"Invalid application name {name!r}: 1 to 64 of letters, digits, and ._/#-")
        _check({**settings, "releaseLabel": releaseLabel})
        now = time.time()
        identity = new_id()
        record = {
            "applicationId": identity,
            "arn": self.arn(identity),
            "type": "Spark",
            "state": "CREATED",
            "releaseLabel": releaseLabel,
            "createdAt": now,
            "updatedAt": now,
            "tags": tags or {},
            "architecture": "X86_64",
            "autoStartConfiguration": {"enabled": True},
            "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 15},
            **settings,
            **({"name": name} if name else {}),
            "_token": token,
            "_used": now,
        }
        self.store.put(APPLICATION, identity, record)
        self.endpoint.bus.publish(APPLICATION_TOPIC, identity, "CREATED")
        return only(record, ("applicationId", "name", "arn"))

    @operation
    def get_application(self, call: Call, applicationId: str) -> Members:
        """An application."""
        return {"application": shown(self.application(applicationId))}

    @operation
    def list_applications(
        self, call: Call, nextToken: str | None = None, maxResults: int | None = None, states: list[str] | None = None
    ) -> Members:
        """The applications, the newest first."""
        found = [self.application(key) for key, _ in self.store.scan(APPLICATION)]
        found.sort(key=lambda record: float(record["createdAt"]), reverse=True)
        listed = [{"id": r["applicationId"], **only(r, SUMMARY)} for r in found if not states or r["state"] in states]
        return page(listed, maxResults, nextToken, "applications")

    @operation
    def update_application(
        self, call: Call, applicationId: str, clientToken: str | None = None, **settings: Any
    ) -> Members:
        """Change settings; only while it is CREATED or STOPPED."""
        record = self.application(applicationId)
        self._must_rest(record, "updated")
        _check(settings)
        changed = {**record, **settings, "updatedAt": time.time()}
        self.store.put(APPLICATION, applicationId, changed)
        return {"application": shown(changed)}

    @operation
    def start_application(self, call: Call, applicationId: str) -> Members:
        """Start it; one that is started stays so."""
        record = self.application(applicationId)
        if record["state"] == "TERMINATED":
            raise invalid(f"Application {applicationId} is TERMINATED and cannot be started")
        self.set_state(record, "STARTED")
        return {}

    @operation
    def stop_application(self, call: Call, applicationId: str) -> Members:
        """Stop it; refused while job runs are under way."""
        record = self.application(applicationId)
        if self.active(applicationId):
            raise invalid(f"Application {applicationId} cannot be stopped: it has job runs that have not ended")
        if record["state"] == "STARTED":
            self.set_state(record, "STOPPED")
        return {}

    @operation
    def delete_application(self, call: Call, applicationId: str) -> Members:
        """Delete it; only while it is CREATED or STOPPED."""
        record = self.application(applicationId)
        self._must_rest(record, "deleted")
        self.set_state(record, "TERMINATED")
        return {}

    @operation
    def list_tags_for_resource(self, call: Call, resourceArn: str) -> Members:
        """The tags of an application or a job run."""
        return {"tags": self.tagged(resourceArn)[2].get("tags", {})}

    @operation
    def tag_resource(self, call: Call, resourceArn: str, tags: dict[str, str]) -> Members:
        """Add tags."""
        kind, key, record = self.tagged(resourceArn)
        self.store.put(kind, key, {**record, "tags": {**record.get("tags", {}), **tags}})
        return {}

    @operation
    def untag_resource(self, call: Call, resourceArn: str, tagKeys: list[str]) -> Members:
        """Remove tags."""
        kind, key, record = self.tagged(resourceArn)
        left = {name: value for name, value in record.get("tags", {}).items() if name not in tagKeys}
        self.store.put(kind, key, {**record, "tags": left})
        return {}

    @staticmethod
    def _must_rest(record: Members, done: str) -> None:
        if record["state"] not in ("CREATED", "STOPPED"):
            identity, state = record["applicationId"], record["state"]
            raise invalid(f"Application {identity} is {state}: it must be CREATED or STOPPED to be {done}")


def _check(settings: Members) -> None:
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise ServiceError("ValidationException", f"Headwater does not compute {', '.join(unknown)} of an application")
    label = settings.get("releaseLabel")
    if label is not None and spark_line(label) is None:
        raise invalid(f"Invalid release label {label!r}: EMR has no such release with Spark")
    for name, size in (settings.get("maximumCapacity") or {}).items():
        if not SIZE.fullmatch(str(size)):
            raise invalid(f"Invalid maximumCapacity: {name} is {size!r}, expected a size such as '4 vCPU' or '16 GB'")
