"""The Lambda service: its parts put together.

Refused by name, since nothing here computes them: container images, VPCs, file systems, SnapStart, provisioned
concurrency, event source mappings, function URLs, response streaming, durable functions, code signing.
"""

from __future__ import annotations

from headwater.local.services.lambda_.event_settings import EventSettingOperations
from headwater.local.services.lambda_.invocation import InvocationOperations
from headwater.local.services.lambda_.permissions import PermissionOperations, SettingOperations, TagOperations
from headwater.local.services.lambda_.versions import AliasOperations, VersionOperations


class LambdaService(
    InvocationOperations,
    VersionOperations,
    AliasOperations,
    PermissionOperations,
    TagOperations,
    SettingOperations,
    EventSettingOperations,
):
    """AWS Lambda."""
