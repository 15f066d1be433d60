"""Where functions, versions and aliases are kept, and how a name and qualifier find one.

Kinds in the store: ``lambda.function`` (one a function: its $LATEST configuration, tags, policies, limits),
``lambda.version`` (a published configuration, key ``name:00000001``), ``lambda.alias`` (key ``name:alias``).
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from headwater.local.identity.documents import statements_of
from headwater.local.identity.evaluation import service_may_assume
from headwater.local.service import Call, Members, Service, ServiceError
from headwater.local.services.lambda_.configuration import Configuration, described
from headwater.local.services.lambda_.names import LATEST, FunctionName, function_arn, invalid, not_found

FUNCTION = "lambda.function"
VERSION = "lambda.version"
ALIAS = "lambda.alias"
PAGE = 50

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """A version of a function, and the ARN by which it was asked for."""

    name: str
    version: str
    configuration: Configuration
    arn: str
    qualifier: str | None


def version_key(name: str, version: int | str) -> str:
    """The store's key of a published version; sorts by number."""
    return f"{name}:{int(version):08d}"


def check_revision(given: str | None, current: str) -> None:
    """Refuse a change that was made for another revision."""
    if given is not None and given != current:
        raise ServiceError(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
            412,
            Type="User",
        )


def new_revision() -> str:
    """A fresh RevisionId."""
    return str(uuid.uuid4())


def page(items: Sequence[T], keys: Sequence[str], marker: str | None, limit: int | None) -> tuple[list[T], str | None]:
    """The items after ``marker`` (a key) and the next marker. ``keys`` ascend."""
    wanted = min(limit or PAGE, PAGE)
    start = 0 if not marker else sum(1 for key in keys if key <= marker)
    chosen = list(items[start : start + wanted])
    more = start + wanted < len(items)
    return chosen, keys[start + wanted - 1] if more else None


class FunctionRecords(Service):
    """The records that every part of the service shares."""

    name = "lambda"

    @property
    def folder(self) -> Path:
        """Where packages are."""
        return self.endpoint.home / "lambda"

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """The ARN of a function here."""
        return function_arn(self.endpoint.region, self.endpoint.account, name, qualifier)

    def function(self, name: str) -> Members:
        """The function's record; raises ResourceNotFoundException."""
        record = self.store.get(FUNCTION, name)
        if record is None:
            raise not_found(self.arn(name))
        return record

    @contextmanager
    def changing(self, name: str) -> Iterator[Members]:
        """The function's record, written back when the block ends."""
        with self.store.transaction():
            record = self.function(name)
            yield record
            self.store.put(FUNCTION, name, record)

    def alias(self, name: str, alias: str) -> Members:
        """The alias's record; raises ResourceNotFoundException."""
        record = self.store.get(ALIAS, f"{name}:{alias}")
        if record is None:
            raise ServiceError(
                "ResourceNotFoundException", f"Cannot find alias arn: {self.arn(name, alias)}", 404, Type="User"
            )
        return record

    def version(self, name: str, version: str) -> Configuration:
        """The configuration of $LATEST or a published version; raises ResourceNotFoundException."""
        if version == LATEST:
            configuration: Configuration = self.function(name)["configuration"]
            return configuration
        record = self.store.get(VERSION, version_key(name, version)) if version.isdigit() else None
        if record is None:
            raise not_found(self.arn(name, version))
        return record

    def target(self, text: str, qualifier: str | None = None) -> Target:
        """The version that a FunctionName and Qualifier mean; an alias with weights is drawn by them."""
        name = FunctionName.parse(text, qualifier)
        wanted = name.qualifier
        if wanted is None or wanted == LATEST:
            return Target(
                name.name, LATEST, self.function(name.name)["configuration"], self.arn(name.name, wanted), wanted
            )
        if wanted.isdigit():
            return Target(name.name, wanted, self.version(name.name, wanted), self.arn(name.name, wanted), wanted)
        self.function(name.name)
        alias = self.store.get(ALIAS, f"{name.name}:{wanted}")
        if alias is None:
            raise not_found(self.arn(name.name, wanted))
        version = draw(alias)
        return Target(name.name, version, self.version(name.name, version), self.arn(name.name, wanted), wanted)

    def describe(self, name: str, configuration: Configuration, qualifier: str | None = None) -> Members:
        """The FunctionConfiguration to answer."""
        return described(configuration, self.arn(name, qualifier))

    def trusted_role(self, role: str) -> None:
        """Refuse a role that does not exist or that Lambda may not assume."""
        refusal = invalid("The role defined for the function cannot be assumed by Lambda.")
        try:
            found = self.endpoint.call("iam", "get_role", RoleName=role.rsplit("/", 1)[-1])["Role"]
        except ServiceError as error:
            raise refusal from error
        trust = statements_of(found.get("AssumeRolePolicyDocument") or {})
        if not service_may_assume(trust, role, "lambda.amazonaws.com"):
            raise refusal

    def own_call(self, call: Call, text: str) -> FunctionName:
        """The name of a function that exists."""
        name = FunctionName.parse(text)
        self.function(name.name)
        return name


def draw(alias: Members) -> str:
    """The version that serves one invocation of an alias."""
    weights: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    point = secrets.SystemRandom().random()
    for version, weight in weights.items():
        point -= weight
        if point < 0:
            return version
    version_served: str = alias["FunctionVersion"]
    return version_served


def without_none(members: dict[str, Any]) -> Members:
    """The members that have a value."""
    return {key: value for key, value in members.items() if value is not None}
