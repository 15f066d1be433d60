"""What the endpoint computes, keeps as records, and refuses: read from the code itself."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from headwater.local.records import RECORD_SERVICES, recorded_operations
from headwater.local.service import Service
from headwater.local.services import SERVICES
from headwater.local.wire import aws_names


@dataclass(frozen=True)
class ServiceFidelity:
    """One service: AWS's operation names, sorted, by what is done with them."""

    service: str
    computed: tuple[str, ...]
    recorded: tuple[str, ...]
    refused: tuple[str, ...]


def service_class(name: str) -> type[Service]:
    """The class that computes a service."""
    module, _, attribute = SERVICES[name].partition(":")
    found: type[Service] = getattr(importlib.import_module(module), attribute)
    return found


def fidelity() -> list[ServiceFidelity]:
    """Every service that is answered at all, in alphabetical order."""
    return [_one(name) for name in sorted({*SERVICES, *RECORD_SERVICES})]


def _one(name: str) -> ServiceFidelity:
    names = aws_names(name)
    computed: set[str] = set()
    if name in SERVICES:
        found = service_class(name)
        computed = {names[operation] for operation in found.operations()}
        recorded = set(found.record_operations)
    else:
        recorded = set(recorded_operations(name))
    refused = set(names.values()) - computed - recorded
    return ServiceFidelity(name, tuple(sorted(computed)), tuple(sorted(recorded)), tuple(sorted(refused)))
