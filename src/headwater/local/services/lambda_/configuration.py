"""A function's configuration: what a request may say, what is kept, what is answered.

Accepted and kept, but without effect here: Architectures (functions run on this machine's processor), EphemeralStorage
(the disk is the machine's), TracingConfig (no traces are made). What would change how a function runs and cannot be
done here (images, VPCs, file systems, KMS keys, SnapStart, code signing) is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.lambda_.names import invalid

PYTHON = re.compile(r"python3\.\d{1,2}")
HANDLER = re.compile(r"[^\s]{1,128}")
ROLE = re.compile(r"arn:aws[a-zA-Z-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
ENVIRONMENT_BYTES = 4096
RANGES = {"MemorySize": ("memorySize", 128, 10240), "Timeout": ("timeout", 1, 900)}
# "Defined runtime environment variables", the reserved ones (Lambda developer guide, 2025).
RESERVED = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
DEFAULTS: dict[str, Any] = {
    "Architectures": ["x86_64"],
    "Description": "",
    "EphemeralStorage": {"Size": 512},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
Configuration = dict[str, Any]


def new_configuration(name: str, members: Mapping[str, Any]) -> Configuration:
    """The configuration that CreateFunction asks for; raises ServiceError for what AWS or Headwater refuses."""
    if members.get("PackageType", "Zip") != "Zip":
        raise invalid("Headwater runs Zip packages only: PackageType Image is refused (it needs Docker).")
    for needed in ("Runtime", "Handler"):
        if not members.get(needed):
            raise invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
    return changed(DEFAULTS | {"FunctionName": name, "LoggingConfig": {}}, members)


def changed(configuration: Configuration, members: Mapping[str, Any]) -> Configuration:
    """``configuration`` with the request's members put in, checked."""
    result = dict(configuration)
    for member, value in members.items():
        if value is not None and member in CHECKS:
            result[member] = CHECKS[member](value)
    if "LoggingConfig" in members and members["LoggingConfig"] is not None or not result["LoggingConfig"]:
        result["LoggingConfig"] = _logging(members.get("LoggingConfig") or {}, result["FunctionName"])
    if members.get("Layers") is not None:
        result["Layers"] = list(members["Layers"])
    return result


def stamp() -> str:
    """LastModified as Lambda writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _runtime(value: str) -> str:
    if not PYTHON.fullmatch(value):
        raise invalid(
            f"Headwater runs Python functions only: Runtime {value} is refused. "
            "Expected python3.x (run on Headwater's own interpreter)."
        )
    return value


def _handler(value: str) -> str:
    if not HANDLER.fullmatch(value):
        raise _constraint(value, "handler", r"Member must satisfy regular expression pattern: [^\s]+")
    return value


def _role(value: str) -> str:
    if not ROLE.fullmatch(value):
        pattern = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
        raise _constraint(value, "role", f"Member must satisfy regular expression pattern: {pattern}")
    return value


def _number(member: str, value: int) -> int:
    field, least, most = RANGES[member]
    if value > most:
        raise _constraint(value, field, f"Member must have value less than or equal to {most}")
    if value < least:
        raise _constraint(value, field, f"Member must have value greater than or equal to {least}")
    return value


def _constraint(value: object, field: str, text: str) -> ServiceError:
    return ServiceError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {text}",
    )


def _environment(value: Mapping[str, Any]) -> dict[str, Any]:
    variables: dict[str, str] = dict(value.get("Variables") or {})
    reserved = sorted(set(variables) & RESERVED)
    if reserved:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    size = sum(len(key) + len(text) for key, text in variables.items())
    if size > ENVIRONMENT_BYTES:
        raise invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the {ENVIRONMENT_BYTES // 1024}KB limit. String measured: {size} bytes"
        )
    return {"Variables": variables}


def _logging(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    kind = value.get("LogFormat", "Text")
    result = {"LogFormat": kind, "LogGroup": value.get("LogGroup") or f"/aws/lambda/{name}"}
    levels = {key: value[key] for key in ("ApplicationLogLevel", "SystemLogLevel") if value.get(key)}
    if levels and kind != "JSON":
        raise invalid("To set application and system log levels, LogFormat must be JSON.")
    if kind == "JSON":
        result |= {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | levels
        if result["SystemLogLevel"] != "INFO":
            raise invalid("Headwater writes the platform's log at SystemLogLevel INFO only.")
    return result


def _refuse_unless_empty(member: str, value: Any) -> Any:
    parts = value.values() if isinstance(value, Mapping) else [value]
    if any(parts):
        raise invalid(f"Headwater cannot give a function its {member}, and refuses it rather than ignore it.")
    return value


def _snap_start(value: Mapping[str, Any]) -> None:
    if value.get("ApplyOn", "None") != "None":
        raise invalid("Headwater takes no snapshots: SnapStart ApplyOn must be None.")


def _dead_letters(value: Mapping[str, Any]) -> dict[str, Any]:
    target = value.get("TargetArn") or ""
    if target and target.split(":")[2:3] not in (["sqs"], ["sns"]):
        raise _constraint(target, "deadLetterConfig.targetArn", "Member must be the ARN of an SQS queue or SNS topic")
    return {"TargetArn": target} if target else {}


CHECKS: dict[str, Callable[[Any], Any]] = {
    "Architectures": lambda value: list(value),
    "DeadLetterConfig": _dead_letters,
    "Description": lambda value: str(value),
    "Environment": _environment,
    "EphemeralStorage": lambda value: dict(value),
    "FileSystemConfigs": lambda value: _refuse_unless_empty("FileSystemConfigs", value),
    "Handler": _handler,
    "KMSKeyArn": lambda value: _refuse_unless_empty("KMSKeyArn", value),
    "MemorySize": lambda value: _number("MemorySize", value),
    "Role": _role,
    "Runtime": _runtime,
    "SnapStart": _snap_start,
    "Timeout": lambda value: _number("Timeout", value),
    "TracingConfig": lambda value: dict(value),
    "VpcConfig": lambda value: _refuse_unless_empty("VpcConfig", value),
}


def described(configuration: Configuration, arn: str) -> dict[str, Any]:
    """The FunctionConfiguration that operations answer."""
    hidden = ("CodeFolder", "FileSystemConfigs", "KMSKeyArn", "Published", "VpcConfig")
    result = {key: value for key, value in configuration.items() if key not in hidden and value not in (None, {}, [])}
    if "Layers" in result:
        result["Layers"] = [{"Arn": layer["Arn"], "CodeSize": layer["CodeSize"]} for layer in result["Layers"]]
    return result | {
        "FunctionArn": arn,
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "State": "Active",
    }
