"""The operations on aliases: names that point at one or two versions by weight."""

from __future__ import annotations

import time
from typing import Any

from headwater.local.service import Call, Members, Service, ServiceError, operation
from headwater.local.services.states.executions_api import page_token, read_token
from headwater.local.services.states.machines import ALIAS, VERSION
from headwater.local.services.states.runtime import Runtime
from headwater.local.services.states.timestamps import moment_of
from headwater.local.store import Record


class AliasesApi(Service):
    """Create, update, describe, list, delete."""

    runtime: Runtime

    def _routed_machine(self, routing: list[dict[str, Any]]) -> str:
        """The machine that a routing belongs to; ValidationException when it is none."""
        machines = {str(entry["stateMachineVersionArn"]).rpartition(":")[0] for entry in routing}
        if len(machines) != 1 or not 1 <= len(routing) <= 2 or sum(entry["weight"] for entry in routing) != 100:
            raise ServiceError(
                "ValidationException",
                "The routing configuration needs one or two versions of one state machine with weights that sum to 100",
            )
        for entry in routing:
            if self.store.get(VERSION, entry["stateMachineVersionArn"]) is None:
                arn = entry["stateMachineVersionArn"]
                raise ServiceError("ResourceNotFound", f"Request references a resource that does not exist: {arn}")
        return machines.pop()

    def _alias(self, arn: str) -> Record:
        alias = self.store.get(ALIAS, arn)
        if alias is None:
            raise ServiceError("ResourceNotFound", f"Request references a resource that does not exist: {arn}")
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
                        f"configuration already exists: {name}",
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
        """Delete an alias."""
        self._alias(stateMachineAliasArn)
        self.store.delete(ALIAS, stateMachineAliasArn)
        return {}
