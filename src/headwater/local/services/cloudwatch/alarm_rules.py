"""What PutMetricAlarm refuses."""

from __future__ import annotations

import re

from headwater.local.service import Members, ServiceError
from headwater.local.services.cloudwatch.datapoints import check_statistic
from headwater.local.services.cloudwatch.evaluation import COMPARISONS, MISSING, statistic_of

LONGEST_NAME = 255
MOST_ACTIONS = 5
SHORT_PERIODS_S = (10, 20, 30)
LONGEST_S = 7 * 86_400
ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
SNS = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+(\.fifo)?")
FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")


def refused(text: str) -> ServiceError:
    """AWS's ValidationError."""
    return ServiceError("ValidationError", text)


def check_alarm(name: str, alarm: Members) -> None:
    """Refuse an alarm that AWS would refuse, or that is not computed here."""
    if not 1 <= len(name) <= LONGEST_NAME:
        raise refused(f"AlarmName must have 1 to {LONGEST_NAME} characters, this one has {len(name)}.")
    for member in ("MetricName", "Namespace", "Period", "Threshold"):
        if alarm.get(member) is None:
            raise refused(
                f"The parameter {member} is required: Headwater computes alarms on one metric against a threshold."
            )
    if ("Statistic" in alarm) == ("ExtendedStatistic" in alarm):
        raise refused("Exactly one of the parameters Statistic and ExtendedStatistic must be specified.")
    check_statistic(statistic_of(alarm))
    if alarm["ComparisonOperator"] not in COMPARISONS:
        raise refused(f"ComparisonOperator must be one of {', '.join(COMPARISONS)}, got {alarm['ComparisonOperator']}.")
    if alarm.get("TreatMissingData", "missing") not in MISSING:
        raise refused(f"TreatMissingData must be one of {', '.join(MISSING)}, got {alarm['TreatMissingData']}.")
    _check_periods(alarm)
    for member in ACTIONS:
        _check_actions(member, alarm[member])


def _check_periods(alarm: Members) -> None:
    period_s, periods = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
    if period_s not in SHORT_PERIODS_S and (period_s < 60 or period_s % 60):
        raise refused(f"Period must be 10, 20, 30 or a multiple of 60, got {period_s}.")
    if periods < 1 or period_s * periods > (LONGEST_S if period_s >= 3600 else 86_400):
        raise refused(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or a week "
            "for periods of an hour and more."
        )
    if not 1 <= int(alarm.get("DatapointsToAlarm", periods)) <= periods:
        raise refused(f"DatapointsToAlarm must be 1 to EvaluationPeriods ({periods}).")


def _check_actions(member: str, actions: list[str]) -> None:
    if len(actions) > MOST_ACTIONS:
        raise refused(f"{member} takes at most {MOST_ACTIONS} actions, got {len(actions)}.")
    for action in actions:
        if not SNS.fullmatch(action) and not FUNCTION.fullmatch(action):
            raise refused(
                f"Invalid arn syntax: {action}. Headwater carries out the actions of SNS topics and Lambda functions, "
                "and refuses others rather than pretend."
            )
