"""The operations on aliases: names that point at one or two versions by weight."""

from __future__ import annotations

import re
import time
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.executions_api import page_token, read_token
from headwater.local.services.states.machines import ALIAS, MACHINE_ARN, VERSION, check_arn
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.timestamps import moment_of
from headwater.local.store import Record

_VERSION_ARN = re.compile(rf"{MACHINE_ARN.pattern}:\d+")


def _absent() -> ServiceError:
    return ServiceError("ResourceNotFound", "Request references a resource that does not exist.")


def _unroutable(what: str, arns: list[str]) -> ServiceError:
    message = f"Routing configuration {what}. Received: [{', '.join(arns)}]"
    return ServiceError("ValidationException", message)


class AliasesApi(Service):
    """Create, update, describe, list, delete."""

    runtime: Runtime

    def _routed_machine(self, routing: list[dict[str, Any]]) -> str:
        """The machine that a routing belongs to; ValidationException when it is none.

        That both versions are of one machine is checked in words of our own: AWS's are not known.
        """
        arns = [str(entry["stateMachineVersionArn"]) for entry in routing]
        weights = [entry["weight"] for entry in routing]
        machines = {arn.rpartition(":")[0] for arn in arns}
        if not all(_VERSION_ARN.fullmatch(arn) for arn in arns):
            raise _unroutable("must contain state machine version ARNs", arns)
        if len(set(arns)) < len(arns):
            raise _unroutable("must contain distinct state machine version ARNs", arns)
        if len(machines) != 1:
            raise _unroutable("must contain versions of one state machine", arns)
        if sum(weights) != 100:
            message = f"Sum of routing configuration weights must equal 100. Received: {weights}"
            raise ServiceError("ValidationException", message)
        if any(self.store.get(VERSION, arn) is None for arn in arns):
            raise _absent()
        return machines.pop()

    def _alias(self, arn: str) -> Record:
        check_arn(arn, MACHINE_ARN)
        alias = self.store.get(ALIAS, arn)
        if alias is None:
            raise _absent()
        return alias

    @operation
    def create_state_machine_alias(
        self, call: Call, name: str, routingConfiguration: list[Members], description: str | None = None
    ) -> Members:
        """Make an alias."""
        with self.store.transaction():
            arn = f"{self._routed_machine(routingConfiguration)}:{name}"
            known = self.store.get(ALIAS, arn)
            if known is not None:
                if known["routingConfiguration"] != routingConfiguration or known["description"] != description:
                    raise ServiceError(
                        "ConflictException",
                        "Failed to create alias because an alias with the same name and a different routing "
                        "configuration already exists.",
                    )
                return {"stateMachineAliasArn": arn, "creationDate": moment_of(known["created_ms"])}
            now = time.time_ns() // 1_000_000
            alias = {
                "arn": arn,
                "name": name,
                "description": description,
                "routingConfiguration": routingConfiguration,
                "created_ms": now,
                "updated_ms": now,
            }
            self.store.put(ALIAS, arn, alias)
        return {"stateMachineAliasArn": arn, "creationDate": moment_of(now)}

    @operation
    def update_state_machine_alias(
        self,
        call: Call,
        stateMachineAliasArn: str,
        description: str | None = None,
        routingConfiguration: list[Members] | None = None,
    ) -> Members:
        """Point an alias elsewhere."""
        with self.store.transaction():
            alias = self._alias(stateMachineAliasArn)
            if routingConfiguration is not None:
                self._routed_machine(routingConfiguration)
                alias["routingConfiguration"] = routingConfiguration
            if description is not None:
                alias["description"] = description
            alias["updated_ms"] = time.time_ns() // 1_000_000
            self.store.put(ALIAS, stateMachineAliasArn, alias)
        return {"updateDate": moment_of(alias["updated_ms"])}

    @operation
    def describe_state_machine_alias(self, call: Call, stateMachineAliasArn: str) -> Members:
        """An alias and where it points."""
        alias = self._alias(stateMachineAliasArn)
        answer: Members = {
            "stateMachineAliasArn": stateMachineAliasArn,
            "name": alias["name"],
            "routingConfiguration": alias["routingConfiguration"],
            "creationDate": moment_of(alias["created_ms"]),
            "updateDate": moment_of(alias["updated_ms"]),
        }
        return answer if alias["description"] is None else {**answer, "description": alias["description"]}

    @operation
    def list_state_machine_aliases(
        self, call: Call, stateMachineArn: str, nextToken: str | None = None, maxResults: int = 100
    ) -> Members:
        """The aliases of a state machine, or of one version of it."""
        after = read_token(nextToken) if nextToken else ""
        version = self.store.get(VERSION, stateMachineArn)
        machine_arn = stateMachineArn if version is None else version["machineArn"]
        self.runtime.machines.find(machine_arn)
        limit = maxResults or 100
        found = [
            alias
            for _, alias in self.store.scan(ALIAS, prefix=f"{machine_arn}:", after=after)
            if version is None
            or any(r["stateMachineVersionArn"] == stateMachineArn for r in alias["routingConfiguration"])
        ]
        answer: Members = {
            "stateMachineAliases": [
                {"stateMachineAliasArn": alias["arn"], "creationDate": moment_of(alias["created_ms"])}
                for alias in found[:limit]
            ]
        }
        if len(found) > limit:
            answer["nextToken"] = page_token(found[limit - 1]["arn"])
        return answer

    @operation
    def delete_state_machine_alias(self, call: Call, stateMachineAliasArn: str) -> Members:
        """Delete an alias; one that is not there is deleted already."""
        check_arn(stateMachineAliasArn, MACHINE_ARN)
        self.store.delete(ALIAS, stateMachineAliasArn)
        return {}
