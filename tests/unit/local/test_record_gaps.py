"""What moto does not have is refused by name, and not promised."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from headwater.local import wire
from headwater.local.record_gaps import GAPS
from headwater.local.records import RECORD_SERVICES

WHOLE = sorted({*(name for name, allowed in RECORD_SERVICES.items() if allowed == "*"), "iam"})


@pytest.mark.parametrize("service", WHOLE)
def test_the_gaps_are_motos(service: str) -> None:
    from moto.core.responses import BaseResponse
    from moto.core.utils import camelcase_to_underscores

    module = importlib.import_module(f"moto.{service.replace('-', '')}.responses")
    classes = [found for _, found in inspect.getmembers(module, inspect.isclass) if issubclass(found, BaseResponse)]
    classes.remove(BaseResponse)
    names = set(wire.aws_names(service).values())
    there = {name for name in names if any(hasattr(each, camelcase_to_underscores(name)) for each in classes)}
    assert names - there - {"SimulateCustomPolicy", "SimulatePrincipalPolicy"} == GAPS.get(service, frozenset())


def test_a_gap_is_refused_by_name(aws: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="Headwater does not compute dynamodb:ListGlobalTables"):
        aws("dynamodb").list_global_tables()
    with pytest.raises(ClientError, match="Headwater does not compute iam:ListOrganizationsFeatures"):
        aws("iam").list_organizations_features()
