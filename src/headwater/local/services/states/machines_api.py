"""The operations on state machines."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.compiler import compile_definition
from headwater.local.services.states.execution_logs import log_group
from headwater.local.services.states.executions_api import find_execution, page_token, read_token
from headwater.local.services.states.machines import ACTIVITY, ALIAS, MACHINE, MACHINE_ARN, VERSION, check_arn
from headwater.local.services.states.quotas import MAX_DEFINITION_BYTES
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.timestamps import moment_of
from headwater.local.services.states.validator import validate
from headwater.local.services.states.variable_references import variable_references
from headwater.local.store import Record

_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\s<>{}\[\]?*\"#%\\^|~`$&,;:/]{1,80}")
_TAGGED_ARN = re.compile(r"arn:aws[a-z-]*:states:[^:]+:\d+:(stateMachine|activity):.+")
_NO_LOGS = {"level": "OFF", "includeExecutionData": False}
_CONFIGURATION = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")


def now_ms() -> int:
    """Now, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def check_definition(definition: str, type: str) -> None:
    """Refuse what AWS would refuse (InvalidDefinition)."""
    if len(definition.encode()) > MAX_DEFINITION_BYTES:
        raise ServiceError("InvalidDefinition", f"Definition exceeds the maximum of {MAX_DEFINITION_BYTES} bytes")
    problems = [found.text for found in validate(definition, type) if found.severity == "ERROR"]
    if not problems:
        try:
            compile_definition(definition)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problems = [f"SCHEMA_VALIDATION_FAILED: {error} at /"]
    if problems:
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{', '.join(problems)}'")


def _bad_logging(problem: str) -> ServiceError:
    return ServiceError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {problem}")


def _check_description(description: str | None, publish: bool) -> None:
    if description is not None and not publish:
        raise ServiceError("ValidationException", "Version description can only be set when publish is true")


def _revision_id(revision: Record) -> Members:
    """The id of a revision that an update made: AWS gives the first none."""
    return {} if revision.get("first") else {"revisionId": revision["id"]}


def _read_variables(definition: str) -> Members:
    """What the states read of variables, where any do."""
    found = variable_references(definition) if definition else {}
    return {"variableReferences": found} if found else {}


def _tagged_kind(arn: str) -> str:
    return ACTIVITY if ":activity:" in arn else MACHINE


class MachinesApi(Service):
    """Create, update, describe, list and delete; validate; tag."""

    runtime: Runtime

    def _check_logging(self, configuration: Members | None) -> None:
        """Refuse a level without one log group that is there (InvalidLoggingConfiguration)."""
        if not configuration or configuration.get("level", "OFF") == "OFF":
            return
        if len(configuration.get("destinations", ())) != 1:
            raise _bad_logging("Must specify exactly one Log Destination.")
        group = log_group(configuration)
        if group is None:
            raise _bad_logging("the destination is no log group ARN.")
        found = self.endpoint.call("logs", "describe_log_groups", logGroupNamePrefix=group)["logGroups"]
        if all(each["logGroupName"] != group for each in found):
            raise _bad_logging("Log Destination not found.")

    @operation
    def create_state_machine(
        self,
        call: Call,
        name: str,
        definition: str,
        roleArn: str,
        type: str = "STANDARD",
        loggingConfiguration: Members | None = None,
        tags: list[Members] | None = None,
        tracingConfiguration: Members | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
        encryptionConfiguration: Members | None = None,
    ) -> Members:
        """Keep a state machine; the same again answers the one that exists."""
        if not _NAME.fullmatch(name):
            raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
        check_definition(definition, type)
        self._check_logging(loggingConfiguration)
        _check_description(versionDescription, publish)
        arn = f"arn:aws:states:{call.region}:{call.account}:stateMachine:{name}"
        body: dict[str, Any] = {
            "definition": definition,
            "roleArn": roleArn,
            "loggingConfiguration": {**_NO_LOGS, **(loggingConfiguration or {})},
            "tracingConfiguration": tracingConfiguration or {"enabled": False},
            "encryptionConfiguration": encryptionConfiguration or {"type": "AWS_OWNED_KEY"},
        }
        with self.store.transaction():
            known = self.store.get(MACHINE, arn)
            if known is not None:
                return self._same_again(known, body, type, publish)
            machine: Record = {"arn": arn, "name": name, "type": type, "created_ms": now_ms(), "versions": 0}
            machine["tags"] = {tag["key"]: tag["value"] for tag in tags or ()}
            self._revise(machine, body | {"first": True})
            answer = {"stateMachineArn": arn, "creationDate": moment_of(machine["created_ms"])}
            if publish:
                answer["stateMachineVersionArn"] = self._publish(machine, versionDescription)["arn"]
        return answer

    def _same_again(self, machine: Record, body: dict[str, Any], type: str, publish: bool) -> Members:
        """The answer for a machine that exists; AWS ignores another role and other tags (API reference, 2026-11-25)."""
        revision = self.runtime.machines.revision(machine["revision"])
        if machine["type"] != type or any(revision[key] != body[key] for key in ("definition", *_CONFIGURATION)):
            raise ServiceError("StateMachineAlreadyExists", f"State Machine Already Exists: '{machine['arn']}'")
        answer = {"stateMachineArn": machine["arn"], "creationDate": moment_of(machine["created_ms"])}
        if publish:
            answer["stateMachineVersionArn"] = self._publish(machine, None)["arn"]
        return answer

    def _revise(self, machine: Record, body: dict[str, Any]) -> None:
        revision_id = str(uuid.uuid4())
        machine["revision"] = revision_id
        machine["updated_ms"] = now_ms()
        self.runtime.machines.add_revision({**body, "id": revision_id, "made_ms": machine["updated_ms"]})
        self.store.put(MACHINE, machine["arn"], machine)

    @operation
    def update_state_machine(
        self,
        call: Call,
        stateMachineArn: str,
        definition: str | None = None,
        roleArn: str | None = None,
        loggingConfiguration: Members | None = None,
        tracingConfiguration: Members | None = None,
        publish: bool = False,
        versionDescription: str | None = None,
        encryptionConfiguration: Members | None = None,
    ) -> Members:
        """Make a new revision; running executions keep theirs."""
        changes = {
            "definition": definition,
            "roleArn": roleArn,
            "loggingConfiguration": loggingConfiguration,
            "tracingConfiguration": tracingConfiguration,
            "encryptionConfiguration": encryptionConfiguration,
        }
        given = {key: value for key, value in changes.items() if value is not None}
        if not given:
            raise ServiceError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
                "specified",
            )
        _check_description(versionDescription, publish)
        if definition is not None:
            check_definition(definition, self.runtime.machines.find(stateMachineArn)["type"])
        if loggingConfiguration is not None:
            self._check_logging(loggingConfiguration)
            given["loggingConfiguration"] = {**_NO_LOGS, **loggingConfiguration}
        with self.store.transaction():
            machine = self.runtime.machines.find(stateMachineArn)
            revision = self.runtime.machines.revision(machine["revision"])
            if any(revision[key] != value for key, value in given.items()):
                revision = {**revision, **given, "first": False}
                self._revise(machine, revision)
                revision["id"] = machine["revision"]
            answer: Members = {"updateDate": moment_of(machine["updated_ms"]), **_revision_id(revision)}
            if publish:
                answer["stateMachineVersionArn"] = self._publish(machine, versionDescription)["arn"]
        return answer

    @operation
    def describe_state_machine(self, call: Call, stateMachineArn: str, includedData: str = "ALL_DATA") -> Members:
        """A state machine, a version of it, or the version that an alias points at."""
        machine, revision, version_arn, _ = self.runtime.machines.resolve(stateMachineArn)
        answer: Members = {
            "stateMachineArn": version_arn or machine["arn"],
            "name": machine["name"],
            "status": "ACTIVE",
            "definition": "" if includedData == "METADATA_ONLY" else revision["definition"],
            "roleArn": revision["roleArn"],
            "type": machine["type"],
            "creationDate": moment_of(machine["created_ms"]),
            **{key: revision[key] for key in _CONFIGURATION},
        }
        version = self.store.get(VERSION, version_arn) if version_arn else None
        if version is not None and version["description"] is not None:
            answer["description"] = version["description"]
        return answer | _revision_id(revision) | _read_variables(answer["definition"])

    @operation
    def describe_state_machine_for_execution(
        self, call: Call, executionArn: str, includedData: str = "ALL_DATA"
    ) -> Members:
        """The state machine as it was when the execution started."""
        record = find_execution(self.runtime, executionArn)
        revision = self.runtime.machines.revision(record.revision)
        answer: Members = {
            "stateMachineArn": record.machine_arn,
            "name": record.machine_name,
            "definition": "" if includedData == "METADATA_ONLY" else revision["definition"],
            "roleArn": revision["roleArn"],
            "updateDate": moment_of(revision["made_ms"]),
            **{key: revision[key] for key in _CONFIGURATION},
        }
        if record.map_run_arn is not None:
            answer |= {"mapRunArn": record.map_run_arn, "label": record.machine_arn.rpartition("/")[2]}
        return answer | _revision_id(revision) | _read_variables(answer["definition"])

    @operation
    def delete_state_machine(self, call: Call, stateMachineArn: str) -> Members:
        """Delete a state machine and stop what runs of it, also when a kill came between the two."""
        check_arn(stateMachineArn, MACHINE_ARN)
        with self.store.transaction():
            self.store.delete(MACHINE, stateMachineArn)
            for kind in (VERSION, ALIAS):
                for key, _ in self.store.scan(kind, prefix=f"{stateMachineArn}:"):
                    self.store.delete(kind, key)
        for record in self.runtime.journal.records(stateMachineArn, "RUNNING", None, 1_000_000):
            self.runtime.abort(record.arn, None, None)
        return {}

    @operation
    def list_state_machines(self, call: Call, maxResults: int = 100, nextToken: str | None = None) -> Members:
        """All state machines, in pages."""
        limit = maxResults or 100
        after = read_token(nextToken) if nextToken else ""
        found = self.store.scan(MACHINE, after=after, limit=limit + 1)
        answer: Members = {
            "stateMachines": [
                {
                    "stateMachineArn": machine["arn"],
                    "name": machine["name"],
                    "type": machine["type"],
                    "creationDate": moment_of(machine["created_ms"]),
                }
                for _, machine in found[:limit]
            ]
        }
        if len(found) > limit:
            answer["nextToken"] = page_token(found[limit - 1][0])
        return answer

    @operation
    def validate_state_machine_definition(
        self, call: Call, definition: str, type: str = "STANDARD", severity: str = "ERROR", maxResults: int = 100
    ) -> Members:
        """The diagnostics of a definition."""
        found = validate(definition, type)
        shown = found[: maxResults or 100]
        return {
            "result": "FAIL" if any(problem.severity == "ERROR" for problem in found) else "OK",
            "diagnostics": [
                {key: value for key, value in problem._asdict().items() if value is not None} for problem in shown
            ],
            "truncated": len(shown) < len(found),
        }

    # -- tags --------------------------------------------------------------------------------------------------------

    def _tagged(self, arn: str) -> Record:
        check_arn(arn, _TAGGED_ARN)
        tagged = self.store.get(_tagged_kind(arn), arn)
        if tagged is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return tagged

    @operation
    def tag_resource(self, call: Call, resourceArn: str, tags: list[Members]) -> Members:
        """Add or change tags."""
        with self.store.transaction():
            machine = self._tagged(resourceArn)
            machine["tags"].update({tag["key"]: tag.get("value", "") for tag in tags})
            self.store.put(_tagged_kind(resourceArn), resourceArn, machine)
        return {}

    @operation
    def untag_resource(self, call: Call, resourceArn: str, tagKeys: list[str]) -> Members:
        """Remove tags."""
        with self.store.transaction():
            machine = self._tagged(resourceArn)
            machine["tags"] = {key: value for key, value in machine["tags"].items() if key not in tagKeys}
            self.store.put(_tagged_kind(resourceArn), resourceArn, machine)
        return {}

    @operation
    def list_tags_for_resource(self, call: Call, resourceArn: str) -> Members:
        """The tags of a state machine."""
        tags = self._tagged(resourceArn)["tags"]
        return {"tags": [{"key": key, "value": value} for key, value in tags.items()]}

    # -- versions ----------------------------------------------------------------------------------------------------

    def _publish(self, machine: Record, description: str | None) -> Record:
        for _, known in self.store.scan(VERSION, prefix=f"{machine['arn']}:"):
            if known["revision"] == machine["revision"]:
                return known
        machine["versions"] += 1
        self.store.put(MACHINE, machine["arn"], machine)
        version: Record = {
            "arn": f"{machine['arn']}:{machine['versions']}",
            "machineArn": machine["arn"],
            "number": machine["versions"],
            "revision": machine["revision"],
            "description": description,
            "created_ms": now_ms(),
        }
        self.store.put(VERSION, version["arn"], version)
        return version

    @operation
    def publish_state_machine_version(
        self, call: Call, stateMachineArn: str, revisionId: str | None = None, description: str | None = None
    ) -> Members:
        """Give the current revision a number."""
        with self.store.transaction():
            machine = self.runtime.machines.find(stateMachineArn)
            if revisionId is not None and revisionId != machine["revision"]:
                raise ServiceError(
                    "ConflictException",
                    f"Failed to publish the State Machine version for revision {revisionId}. The current State Machine "
                    f"revision is {machine['revision']}.",
                )
            version = self._publish(machine, description)
        return {"stateMachineVersionArn": version["arn"], "creationDate": moment_of(version["created_ms"])}

    @operation
    def list_state_machine_versions(
        self, call: Call, stateMachineArn: str, nextToken: str | None = None, maxResults: int = 100
    ) -> Members:
        """The versions of a state machine, newest first."""
        self.runtime.machines.find(stateMachineArn)
        found = [version for _, version in self.store.scan(VERSION, prefix=f"{stateMachineArn}:")]
        found.sort(key=lambda version: -version["number"])
        below = read_token(nextToken) if nextToken else None
        rest = [version for version in found if below is None or version["number"] < below]
        limit = maxResults or 100
        answer: Members = {
            "stateMachineVersions": [
                {"stateMachineVersionArn": v["arn"], "creationDate": moment_of(v["created_ms"])} for v in rest[:limit]
            ]
        }
        if len(rest) > limit:
            answer["nextToken"] = page_token(rest[limit - 1]["number"])
        return answer

    @operation
    def delete_state_machine_version(self, call: Call, stateMachineVersionArn: str) -> Members:
        """Delete a version that no alias points at."""
        check_arn(stateMachineVersionArn, MACHINE_ARN)
        machine_arn = stateMachineVersionArn.rpartition(":")[0]
        for _, alias in self.store.scan(ALIAS, prefix=f"{machine_arn}:"):
            if any(r["stateMachineVersionArn"] == stateMachineVersionArn for r in alias["routingConfiguration"]):
                raise ServiceError(
                    "ConflictException",
                    "Version to be deleted must not be referenced by an alias. Current list of aliases "
                    f"referencing this version: [{alias['name']}]",
                )
        self.store.delete(VERSION, stateMachineVersionArn)
        return {}
