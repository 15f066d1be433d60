"""What a function's configuration may say."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.local.service import ServiceError
from headwater.local.services.lambda_.configuration import changed, described, new_configuration

WHOLE = {"Runtime": "python3.12", "Handler": "m.h", "Role": "arn:aws:iam::000000000000:role/r"}


def test_defaults_are_awss() -> None:
    answer = described(new_configuration("f", WHOLE), "arn:f")
    assert {key: answer[key] for key in ("MemorySize", "Timeout", "Architectures", "EphemeralStorage")} == {
        "MemorySize": 128,
        "Timeout": 3,
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
    }
    assert answer["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    assert answer["State"] == "Active" and answer["FunctionArn"] == "arn:f"


def test_json_logs_have_levels() -> None:
    logging = new_configuration("f", {**WHOLE, "LoggingConfig": {"LogFormat": "JSON"}})["LoggingConfig"]
    assert logging == {
        "LogFormat": "JSON",
        "LogGroup": "/aws/lambda/f",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
    }


def test_a_change_keeps_the_rest() -> None:
    before = new_configuration("f", {**WHOLE, "Environment": {"Variables": {"A": "1"}}, "Timeout": 60})
    after = changed(before, {"Timeout": 61, "Handler": None})
    assert after == before | {"Timeout": 61} and before["Timeout"] == 60


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"Runtime": "java21"}, "InvalidParameterValueException", "java21"),
        ({"Runtime": None}, "InvalidParameterValueException", "mandatory"),
        ({"Handler": "a b"}, "ValidationException", "'handler'"),
        ({"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
        ({"MemorySize": 10241}, "ValidationException", "less than or equal to 10240"),
        ({"Role": "me"}, "ValidationException", "'role'"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "Image"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "InvalidParameterValueException", "VpcConfig"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "InvalidParameterValueException", "SnapStart"),
        ({"Environment": {"Variables": {"_HANDLER": "x"}}}, "InvalidParameterValueException", "_HANDLER"),
        ({"Environment": {"Variables": {"A": "x" * 5000}}}, "InvalidParameterValueException", "4KB limit"),
        ({"LoggingConfig": {"ApplicationLogLevel": "DEBUG"}}, "InvalidParameterValueException", "must be JSON"),
    ],
)
def test_refusals(members: dict[str, Any], code: str, text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        new_configuration("f", WHOLE | members)
    assert caught.value.code == code and text in caught.value.message


def test_empty_network_settings_are_no_network_settings() -> None:
    configuration = new_configuration("f", {**WHOLE, "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}})
    assert "VpcConfig" not in described(configuration, "arn:f")
