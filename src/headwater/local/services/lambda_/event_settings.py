"""How a function's Event invocations are retried and where their ends are reported."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.lambda_.base import EngineHolder
from headwater.local.services.lambda_.names import LATEST, invalid
from headwater.local.services.lambda_.records import page, without_none

SENDABLE = ("lambda", "sns", "sqs")


class EventSettingOperations(EngineHolder):
    """The function event invoke configurations, which the event queue obeys."""

    def _event_settings(self, text: str, qualifier: str | None) -> tuple[str, str, Members]:
        target = self.target(text, qualifier)
        where = target.qualifier or LATEST
        return target.name, where, self.function(target.name).get("event_invoke", {}).get(where, {})

    def _keep(self, name: str, where: str, settings: Members) -> Members:
        for destination in (settings.get("DestinationConfig") or {}).values():
            arn = destination.get("Destination")
            if arn and arn.split(":")[2:3] not in [[service] for service in SENDABLE]:
                raise invalid(f"Headwater reports to SQS, SNS and Lambda only: the destination {arn} is refused.")
        with self.changing(name) as record:
            record.setdefault("event_invoke", {})[where] = settings | {"LastModified": time.time()}
        return self._describe_settings(name, where, settings | {"LastModified": time.time()})

    def _describe_settings(self, name: str, where: str, settings: Members) -> Members:
        modified = datetime.fromtimestamp(settings["LastModified"], UTC)
        return settings | {"FunctionArn": self.arn(name, where), "LastModified": modified}

    @operation
    def put_function_event_invoke_config(
        self,
        call: Call,
        FunctionName: str,
        Qualifier: str | None = None,
        MaximumRetryAttempts: int | None = None,
        MaximumEventAgeInSeconds: int | None = None,
        DestinationConfig: dict[str, Any] | None = None,
    ) -> Members:
        """Replace the settings."""
        name, where, _ = self._event_settings(FunctionName, Qualifier)
        settings = {
            "MaximumRetryAttempts": MaximumRetryAttempts,
            "MaximumEventAgeInSeconds": MaximumEventAgeInSeconds,
            "DestinationConfig": DestinationConfig,
        }
        return self._keep(name, where, without_none(settings))

    @operation
    def update_function_event_invoke_config(
        self,
        call: Call,
        FunctionName: str,
        Qualifier: str | None = None,
        MaximumRetryAttempts: int | None = None,
        MaximumEventAgeInSeconds: int | None = None,
        DestinationConfig: dict[str, Any] | None = None,
    ) -> Members:
        """Change some of the settings."""
        name, where, kept = self._event_settings(FunctionName, Qualifier)
        if not kept:
            raise self._no_settings(name, where)
        settings = {
            "MaximumRetryAttempts": MaximumRetryAttempts,
            "MaximumEventAgeInSeconds": MaximumEventAgeInSeconds,
            "DestinationConfig": DestinationConfig,
        }
        return self._keep(name, where, kept | without_none(settings))

    @operation
    def get_function_event_invoke_config(self, call: Call, FunctionName: str, Qualifier: str | None = None) -> Members:
        """The settings."""
        name, where, settings = self._event_settings(FunctionName, Qualifier)
        if not settings:
            raise self._no_settings(name, where)
        return self._describe_settings(name, where, settings)

    @operation
    def list_function_event_invoke_configs(
        self, call: Call, FunctionName: str, Marker: str | None = None, MaxItems: int | None = None
    ) -> Members:
        """The settings of a function, its versions and aliases."""
        name = self.own_call(call, FunctionName).name
        kept = self.function(name).get("event_invoke", {})
        keys = sorted(kept)
        described = [self._describe_settings(name, where, kept[where]) for where in keys]
        chosen, marker = page(described, keys, Marker, MaxItems)
        return {"FunctionEventInvokeConfigs": chosen} | ({"NextMarker": marker} if marker else {})

    @operation
    def delete_function_event_invoke_config(
        self, call: Call, FunctionName: str, Qualifier: str | None = None
    ) -> Members:
        """Go back to the defaults."""
        name, where, settings = self._event_settings(FunctionName, Qualifier)
        if not settings:
            raise self._no_settings(name, where)
        with self.changing(name) as record:
            del record["event_invoke"][where]
        return {}

    def _no_settings(self, name: str, where: str) -> ServiceError:
        return ServiceError(
            "ResourceNotFoundException",
            f"The function {self.arn(name, where)} doesn't have an EventInvokeConfig",
            404,
            Type="User",
        )
