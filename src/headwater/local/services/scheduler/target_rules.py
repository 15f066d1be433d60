"""Which targets a schedule may have, and what is refused of them.

Source: EventBridge Scheduler User Guide, "Using templated targets" and "Using universal targets" (read 2026-11-25).
"""

from __future__ import annotations

import json
import re

from headwater.local.identity.gathering import service_may_assume_role
from headwater.local.member_names import SDK_CLIENTS, operation_name
from headwater.local.service import Endpoint, Members
from headwater.local.services.scheduler.records import invalid

SERVICE = "scheduler.amazonaws.com"
# The service in a target's ARN → how its resource part begins.
KINDS = {"events": "event-bus/", "lambda": "function:", "sns": "", "sqs": "", "states": "stateMachine:"}
UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:([a-z0-9]+):([a-z][A-Za-z0-9]*)")
ARN = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:\d*:.+")
HONOURED = frozenset(
    {"Arn", "DeadLetterConfig", "EventBridgeParameters", "Input", "RetryPolicy", "RoleArn", "SqsParameters"}
)
# Universal targets change something; these only look.
READS = re.compile(
    "(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|batchDescribe|"
    "batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|translateDocument|isAuthorized|"
    "invokeModel)(?![a-z])"
)
MOST_RETRIES, SHORTEST_AGE_S, LONGEST_AGE_S = 185, 60, 86_400


def target_kind(arn: str) -> str | None:
    """The service of a templated target, ``universal``, or None when nothing here can be called by it."""
    if UNIVERSAL.fullmatch(arn):
        return "universal"
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] in KINDS and parts[5].startswith(KINDS[parts[2]]):
        return parts[2]
    return None


def universal_call(arn: str) -> tuple[str, str]:
    """boto3's service and the operation in camel case that a universal target's ARN names."""
    found = UNIVERSAL.fullmatch(arn)
    if found is None:
        raise invalid(f"{arn} is not a supported universal target.")
    return SDK_CLIENTS.get(found[1], found[1]), found[2]


def check_target(endpoint: Endpoint, target: Members, group_arn: str) -> None:
    """Refuse a target of a group's schedule with what is wrong of it. Raises ValidationException."""
    arn, kind = target["Arn"], target_kind(target["Arn"])
    if not UNIVERSAL.fullmatch(arn) and not ARN.fullmatch(arn):
        raise invalid("Provided Arn is not in correct format.")
    if kind is None:
        raise invalid(
            f"Headwater does not invoke {arn}, and refuses it rather than pretend. It invokes state machines, Lambda "
            "functions, SQS queues, SNS topics, event buses, and universal targets (arn:aws:scheduler:::aws-sdk:…)."
        )
    if unknown := sorted(set(target) - HONOURED):
        raise invalid(f"Headwater does not compute the target's {', '.join(unknown)}, and refuses it.")
    if kind == "universal":
        _check_universal(arn, target.get("Input"))
    _check_parameters(kind, target)
    _check_retries(target)
    if not service_may_assume_role(endpoint.call, target["RoleArn"], SERVICE, group_arn):
        raise invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")


def _check_universal(arn: str, text: str | None) -> None:
    client, called = universal_call(arn)
    if READS.match(called):
        raise invalid(f"{arn} is not a supported universal target: it changes nothing.")
    if operation_name(client, called) is None:
        raise invalid(f"{arn} is not a supported universal target: there is no such operation.")
    try:
        given = json.loads(text or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise invalid("The Input of a universal target must be well-formed JSON: an object of the call's parameters.")


def _check_parameters(kind: str, target: Members) -> None:
    if kind == "events" and "EventBridgeParameters" not in target:
        raise invalid("EventBridgeParameters (DetailType, Source) must be given for an event bus.")
    if kind == "sqs" and target["Arn"].endswith(".fifo") and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise invalid("SqsParameters (MessageGroupId) must be given for a FIFO queue.")
    for member, belongs in (("EventBridgeParameters", "events"), ("SqsParameters", "sqs")):
        if member in target and kind != belongs:
            raise invalid(f"{member} is not valid for the target {target['Arn']}.")


def _check_retries(target: Members) -> None:
    policy = target.get("RetryPolicy", {})
    if not 0 <= policy.get("MaximumRetryAttempts", 0) <= MOST_RETRIES:
        raise invalid(f"MaximumRetryAttempts must be 0 to {MOST_RETRIES}.")
    if not SHORTEST_AGE_S <= policy.get("MaximumEventAgeInSeconds", SHORTEST_AGE_S) <= LONGEST_AGE_S:
        raise invalid(f"MaximumEventAgeInSeconds must be {SHORTEST_AGE_S} to {LONGEST_AGE_S}.")
    dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
    if dead_letters and (target_kind(dead_letters) != "sqs" or dead_letters.endswith(".fifo")):
        raise invalid(f"A dead-letter queue is a standard SQS queue, not {dead_letters}.")
