"""Published versions and aliases."""

from __future__ import annotations

from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.lambda_.base import EngineHolder
from headwater.local.services.lambda_.functions import FunctionOperations
from headwater.local.services.lambda_.names import ALIAS as ALIAS_NAME
from headwater.local.services.lambda_.names import LATEST, invalid
from headwater.local.services.lambda_.records import (
    ALIAS,
    VERSION,
    check_revision,
    new_revision,
    page,
    without_none,
)


class VersionOperations(FunctionOperations):
    """Versions."""

    @operation
    def publish_version(
        self,
        call: Call,
        FunctionName: str,
        CodeSha256: str | None = None,
        Description: str | None = None,
        RevisionId: str | None = None,
    ) -> Members:
        """Keep $LATEST as it is under the next number."""
        name = self.own_call(call, FunctionName).name
        latest = self.function(name)["configuration"]
        check_revision(RevisionId, latest["RevisionId"])
        if CodeSha256 is not None and CodeSha256 != latest["CodeSha256"]:
            raise invalid(
                f"CodeSHA256 ({CodeSha256}) is different from current CodeSHA256 in $LATEST ({latest['CodeSha256']}). "
                "Please try again with the CodeSHA256 in $LATEST."
            )
        return self.publish(name, Description)

    @operation
    def list_versions_by_function(
        self, call: Call, FunctionName: str, Marker: str | None = None, MaxItems: int | None = None
    ) -> Members:
        """$LATEST and every published version."""
        name = self.own_call(call, FunctionName).name
        latest = self.function(name)["configuration"]
        listed = [(f"{name}:", self.describe(name, latest, LATEST))]
        for key, version in self.store.scan(VERSION, f"{name}:"):
            listed.append((key, self.describe(name, version, version["Version"])))
        versions, marker = page([item for _, item in listed], [key for key, _ in listed], Marker, MaxItems)
        return {"Versions": versions} | ({"NextMarker": marker} if marker else {})


class AliasOperations(EngineHolder):
    """Aliases."""

    def _describe_alias(self, function: str, record: Members) -> Members:
        return without_none(record) | {"AliasArn": self.arn(function, record["Name"])}

    def _routing(self, function: str, version: str, routing: dict[str, Any] | None) -> dict[str, Any] | None:
        self.version(function, version)
        weights = (routing or {}).get("AdditionalVersionWeights") or {}
        if not weights:
            return None
        if version == LATEST or LATEST in weights:
            raise invalid("$LATEST is not supported for an alias pointing to more than 1 version")
        if len(weights) > 1:
            raise invalid("Number of items in AdditionalVersionWeights cannot be greater than 1")
        for other, weight in weights.items():
            self.version(function, other)
            if other == version or not 0 <= weight <= 1:
                raise invalid(f"Invalid function version {other} or weight {weight} in AdditionalVersionWeights")
        return {"AdditionalVersionWeights": dict(weights)}

    @operation
    def create_alias(
        self,
        call: Call,
        FunctionName: str,
        Name: str,
        FunctionVersion: str,
        Description: str = "",
        RoutingConfig: dict[str, Any] | None = None,
    ) -> Members:
        """Give a version a name."""
        function = self.own_call(call, FunctionName).name
        if not ALIAS_NAME.fullmatch(Name):
            raise ServiceError(
                "ValidationException",
                f"1 validation error detected: Value '{Name}' at 'name' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)",
            )
        record = {
            "Name": Name,
            "FunctionVersion": FunctionVersion,
            "Description": Description,
            "RoutingConfig": self._routing(function, FunctionVersion, RoutingConfig),
            "RevisionId": new_revision(),
        }
        with self.store.transaction():
            if self.store.get(ALIAS, f"{function}:{Name}") is not None:
                text = f"Alias already exists: {self.arn(function, Name)}"
                raise ServiceError("ResourceConflictException", text, 409, Type="User")
            self.store.put(ALIAS, f"{function}:{Name}", record)
        return self._describe_alias(function, record)

    @operation
    def get_alias(self, call: Call, FunctionName: str, Name: str) -> Members:
        """One alias."""
        function = self.own_call(call, FunctionName).name
        return self._describe_alias(function, self.alias(function, Name))

    @operation
    def update_alias(
        self,
        call: Call,
        FunctionName: str,
        Name: str,
        FunctionVersion: str | None = None,
        Description: str | None = None,
        RoutingConfig: dict[str, Any] | None = None,
        RevisionId: str | None = None,
    ) -> Members:
        """Point an alias elsewhere."""
        function = self.own_call(call, FunctionName).name
        with self.store.transaction():
            record = self.alias(function, Name)
            check_revision(RevisionId, record["RevisionId"])
            version = FunctionVersion or record["FunctionVersion"]
            routing = record["RoutingConfig"] if RoutingConfig is None else RoutingConfig
            record |= {"FunctionVersion": version, "RoutingConfig": self._routing(function, version, routing)}
            record |= {"RevisionId": new_revision()} | without_none({"Description": Description})
            self.store.put(ALIAS, f"{function}:{Name}", record)
        return self._describe_alias(function, record)

    @operation
    def list_aliases(
        self,
        call: Call,
        FunctionName: str,
        FunctionVersion: str | None = None,
        Marker: str | None = None,
        MaxItems: int | None = None,
    ) -> Members:
        """A function's aliases."""
        function = self.own_call(call, FunctionName).name
        found = [
            (key, self._describe_alias(function, record))
            for key, record in self.store.scan(ALIAS, f"{function}:")
            if FunctionVersion in (None, record["FunctionVersion"])
        ]
        aliases, marker = page([item for _, item in found], [key for key, _ in found], Marker, MaxItems)
        return {"Aliases": aliases} | ({"NextMarker": marker} if marker else {})

    @operation
    def delete_alias(self, call: Call, FunctionName: str, Name: str) -> Members:
        """Delete an alias; one that is not there is no error, as on AWS."""
        self.store.delete(ALIAS, f"{self.own_call(call, FunctionName).name}:{Name}")
        return {}
