"""The targets of rules: who may be one, and which of its settings are honoured."""

from __future__ import annotations

from headwater.local.service import Call, Members, ServiceError, operation
from headwater.local.services.events.records import EventRecords, invalid, page
from headwater.local.services.events.target_input import check_input

MOST_TARGETS = 5
# The service in a target's ARN → how its resource part begins.
KINDS = {
    "lambda": "function:",
    "logs": "log-group:",
    "sns": "",
    "sqs": "",
    "states": "stateMachine:",
}
HONOURED = frozenset(
    {
        "Arn",
        "DeadLetterConfig",
        "Id",
        "Input",
        "InputPath",
        "InputTransformer",
        "RetryPolicy",
        "RoleArn",
        "SqsParameters",
    }
)


class TargetOperations(EventRecords):
    """Targets."""

    @operation
    def put_targets(self, call: Call, Rule: str, Targets: list[Members], EventBusName: str | None = None) -> Members:
        """Add targets to a rule, replacing those of the same Id; all of them, or none."""
        for target in Targets:
            _check_target(target)
        with self.store.transaction():
            bus = self.bus(EventBusName)
            rule = self.rule(bus, Rule)
            targets = {target["Id"]: target for target in [*rule["Targets"], *Targets]}
            if len(targets) > MOST_TARGETS:
                raise ServiceError(
                    "LimitExceededException",
                    f"The requested resource exceeds the maximum number allowed: a rule has at most {MOST_TARGETS} "
                    f"targets, {Rule} would have {len(targets)}.",
                )
            self.put_record(bus, {**rule, "Targets": list(targets.values())})
        return {"FailedEntryCount": 0, "FailedEntries": []}

    @operation
    def list_targets_by_rule(
        self,
        call: Call,
        Rule: str,
        EventBusName: str | None = None,
        NextToken: str | None = None,
        Limit: int | None = None,
    ) -> Members:
        """The targets of a rule."""
        shown, more = page(self.rule(self.bus(EventBusName), Rule)["Targets"], Limit, NextToken)
        return {"Targets": shown, **more}

    @operation
    def remove_targets(
        self, call: Call, Rule: str, Ids: list[str], EventBusName: str | None = None, Force: bool = False
    ) -> Members:
        """Take targets from a rule; each Id that it does not have is a failed entry."""
        with self.store.transaction():
            bus = self.bus(EventBusName)
            rule = self.rule(bus, Rule)
            there = {target["Id"] for target in rule["Targets"]}
            self.put_record(bus, {**rule, "Targets": [t for t in rule["Targets"] if t["Id"] not in Ids]})
        failed = [
            {
                "TargetId": absent,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": f"Rule {Rule} does not have a target with the Id {absent}.",
            }
            for absent in Ids
            if absent not in there
        ]
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    @operation
    def list_rule_names_by_target(
        self,
        call: Call,
        TargetArn: str,
        EventBusName: str | None = None,
        NextToken: str | None = None,
        Limit: int | None = None,
    ) -> Members:
        """The rules of a bus that have a target."""
        rules = self.rules(self.bus(EventBusName))
        names = [rule["Name"] for rule in rules if any(target["Arn"] == TargetArn for target in rule["Targets"])]
        shown, more = page(names, Limit, NextToken)
        return {"RuleNames": shown, **more}


def target_kind(arn: str) -> str | None:
    """The service that a target's ARN names, or None when nothing here delivers to it."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] not in KINDS or not parts[5].startswith(KINDS[parts[2]]):
        return None
    return parts[2]


def _check_target(target: Members) -> None:
    arn = target["Arn"]
    kind = target_kind(arn)
    if kind is None:
        raise invalid(
            f"Target {target['Id']}: Headwater does not deliver to {arn}, and refuses it rather than pretend. "
            "It delivers to Lambda functions, state machines, SNS topics, SQS queues and log groups."
        )
    if unknown := sorted(set(target) - HONOURED):
        raise invalid(f"Target {target['Id']}: Headwater does not compute {', '.join(unknown)}, and refuses it.")
    if kind == "states" and not target.get("RoleArn"):
        raise invalid(f"RoleArn is required for target {arn}.")
    if kind == "sqs" and arn.endswith(".fifo") and not target.get("SqsParameters", {}).get("MessageGroupId"):
        raise invalid(f"Parameter(s) SqsParameters must be specified for target: {target['Id']}.")
    if "SqsParameters" in target and kind != "sqs":
        raise invalid(f"Parameter(s) SqsParameters not valid for target: {target['Id']}.")
    dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
    if dead_letters and (target_kind(dead_letters) != "sqs" or dead_letters.endswith(".fifo")):
        raise invalid(f"Target {target['Id']}: a dead-letter queue is a standard SQS queue, not {dead_letters}.")
    if (reason := check_input(target)) is not None:
        raise invalid(reason)
