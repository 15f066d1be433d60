"""AWS Lambda, executed: definitions, packages and the operations around :mod:`headwater.local.engines.function`."""

from __future__ import annotations

from headwater.local.services.lambda_.service import LambdaService

__all__ = ["LambdaService"]
