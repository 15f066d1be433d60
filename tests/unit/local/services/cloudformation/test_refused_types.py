"""Types that cannot be deployed here: what AWS has is told from what nobody has."""

from __future__ import annotations

import json
from pathlib import Path

import cfnlint
import pytest

from headwater.local.services.cloudformation.refused_types import refusal, types_of_aws
from headwater.local.services.cloudformation.registry import RESOURCE_TYPES

EC2 = "AWS::EC2::Instance"


@pytest.mark.parametrize(
    ("types", "text"),
    [
        ({EC2, "AWS::X::Y"}, "Template format error: Unrecognized resource types: [AWS::X::Y]"),
        ({EC2, "AWS::EKS::Cluster"}, "Headwater does not compute these resource types, which AWS has: [AWS::EC2::I"),
        ({EC2, "Custom::Seed"}, "Headwater does not compute custom resources: [Custom::Seed], whose provider answers"),
        ({"AWS::CloudFormation::CustomResource"}, "Headwater does not compute custom resources: [AWS::CloudForm"),
    ],
)
def test_the_refusal_says_whether_aws_has_the_type(types: set[str], text: str) -> None:
    assert refusal(types).startswith(text)


def test_the_types_of_aws_are_those_of_its_schemas() -> None:
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas" / "providers"
    assert types_of_aws() == {name for region in schemas.glob("*.json") for name in json.loads(region.read_text())}
    assert set(RESOURCE_TYPES) <= types_of_aws()
