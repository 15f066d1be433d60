"""Dynamic references: ``{{resolve:ssm:…}}``, ``{{resolve:ssm-secure:…}}`` and ``{{resolve:secretsmanager:…}}``.

They are read as late as the call that needs them, and never kept or shown.
Source: AWS CloudFormation User Guide, "Get values stored in other services using dynamic references", 2025-11.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from headwater.local.identity import Principal
from headwater.local.service import Endpoint
from headwater.local.services.cloudformation.template import validation_error

REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]+)\}\}")


@dataclass(frozen=True)
class DynamicReferences:
    """Reads them as a principal."""

    endpoint: Endpoint
    principal: Principal | None

    def read(self, value: Any) -> Any:
        """A value with every dynamic reference inside replaced. Raises :class:`ServiceError`."""
        if isinstance(value, dict):
            return {name: self.read(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.read(item) for item in value]
        if isinstance(value, str) and "{{resolve:" in value:
            return REFERENCE.sub(lambda match: self._one(match[1], match[2]), value)
        return value

    def parameter(self, name: str, decrypt: bool = False) -> str:
        """The value of a parameter of Systems Manager."""
        answer = self.endpoint.call("ssm", "get_parameter", principal=self.principal, Name=name, WithDecryption=decrypt)
        return str(answer["Parameter"]["Value"])

    def _one(self, service: str, text: str) -> str:
        return self._secret(text) if service == "secretsmanager" else self.parameter(text, service == "ssm-secure")

    def _secret(self, text: str) -> str:
        # secret-id:SecretString:json-key:version-stage:version-id, where the id may be an ARN of seven parts
        parts = text.split(":")
        ids = 7 if text.startswith("arn:") else 1
        rest = parts[ids:] + [""] * 4
        members = {"SecretId": ":".join(parts[:ids])}
        if rest[2]:
            members["VersionStage"] = rest[2]
        if rest[3]:
            members["VersionId"] = rest[3]
        answer = self.endpoint.call("secretsmanager", "get_secret_value", principal=self.principal, **members)
        value = str(answer["SecretString"])
        if not rest[1]:
            return value
        found = json.loads(value)
        if rest[1] not in found:
            raise validation_error("Could not find a value associated with JSONKey in SecretString")
        return str(found[rest[1]])
