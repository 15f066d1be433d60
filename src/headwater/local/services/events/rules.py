"""Rules: which events of a bus go to which targets, and when a rule with a schedule sends one itself."""

from __future__ import annotations

import re

from headwater.local.service import Call, Members, operation
from headwater.local.schedules import At, ExpressionError, parse_expression
from headwater.local.services.events.records import DEFAULT, NAME, RULE, invalid, page
from headwater.local.services.events.routing import check_pattern
from headwater.local.services.events.rule_schedules import RuleSchedules
from headwater.local.store import Record

STATES = ("DISABLED", "ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
SHOWN = ("Name", "Arn", "EventPattern", "ScheduleExpression", "State", "Description", "RoleArn", "EventBusName")
RATE = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?!1 )[1-9]\d* (?:minutes|hours|days))\)")


class RuleOperations(RuleSchedules):
    """Rules."""

    @operation
    def put_rule(
        self,
        call: Call,
        Name: str,
        ScheduleExpression: str | None = None,
        EventPattern: str | None = None,
        State: str = "ENABLED",
        Description: str | None = None,
        RoleArn: str | None = None,
        Tags: list[Members] | None = None,
        EventBusName: str | None = None,
    ) -> Members:
        """Make a rule, or replace all of it but its targets and tags."""
        bus = self.bus(EventBusName)
        if not NAME.fullmatch(Name):
            raise invalid(f"Value '{Name}' at 'name' failed to satisfy constraint: [\\.\\-_A-Za-z0-9]+, at most 64")
        if State not in STATES:
            raise invalid(f"Value '{State}' at 'state' failed to satisfy constraint: one of {', '.join(STATES)}")
        _check_trigger(bus, EventPattern, ScheduleExpression)
        given = {
            "EventPattern": EventPattern,
            "ScheduleExpression": ScheduleExpression,
            "Description": Description,
            "RoleArn": RoleArn,
        }
        with self.store.transaction():
            before = self.store.get(RULE, self.rule_key(bus, Name)) or {"Tags": Tags or [], "Targets": []}
            record = {
                "Name": Name,
                "Arn": self.rule_arn(bus, Name),
                "State": State,
                "EventBusName": bus,
                "Tags": before["Tags"],
                "Targets": before["Targets"],
                **{member: value for member, value in given.items() if value is not None},
            }
            self.put_record(bus, record)
            self.plan_rule(record, before)
        self.wake()
        return {"RuleArn": record["Arn"]}

    @operation
    def describe_rule(self, call: Call, Name: str, EventBusName: str | None = None) -> Members:
        """A rule."""
        return {**_shown(self.rule(self.bus(EventBusName), Name)), "CreatedBy": self.endpoint.account}

    @operation
    def list_rules(
        self,
        call: Call,
        NamePrefix: str = "",
        EventBusName: str | None = None,
        Limit: int | None = None,
        NextToken: str | None = None,
    ) -> Members:
        """The rules of a bus, by name."""
        found = [_shown(rule) for rule in self.rules(self.bus(EventBusName)) if rule["Name"].startswith(NamePrefix)]
        shown, more = page(found, Limit, NextToken)
        return {"Rules": shown, **more}

    @operation
    def enable_rule(self, call: Call, Name: str, EventBusName: str | None = None) -> Members:
        """Let a rule match again."""
        return self._set_state(Name, EventBusName, "ENABLED")

    @operation
    def disable_rule(self, call: Call, Name: str, EventBusName: str | None = None) -> Members:
        """Keep a rule from matching."""
        return self._set_state(Name, EventBusName, "DISABLED")

    def _set_state(self, name: str, bus_text: str | None, state: str) -> Members:
        with self.store.transaction():
            bus = self.bus(bus_text)
            before = self.rule(bus, name)
            self.put_record(bus, {**before, "State": state})
            self.plan_rule({**before, "State": state}, before)
        self.wake()
        return {}

    @operation
    def delete_rule(self, call: Call, Name: str, EventBusName: str | None = None, Force: bool = False) -> Members:
        """Delete a rule that has no targets; one that is not there is no error."""
        with self.store.transaction():
            key = self.rule_key(self.bus(EventBusName), Name)
            if (self.store.get(RULE, key) or {}).get("Targets"):
                raise invalid("Rule can't be deleted since it has targets.")
            self.store.delete(RULE, key)
            self.due.set(key, None)
        return {}


def _check_trigger(bus: str, pattern: str | None, schedule: str | None) -> None:
    if not pattern and not schedule:
        raise invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if pattern:
        check_pattern(pattern)
    if not schedule:
        return
    if bus != DEFAULT:
        raise invalid("ScheduleExpression is supported only on the default event bus.")
    try:
        expression = parse_expression(schedule)
    except ExpressionError as error:
        raise invalid(f"Parameter ScheduleExpression is not valid. {error}") from error
    if isinstance(expression, At) or (schedule.startswith("rate(") and not RATE.fullmatch(schedule)):
        raise invalid("Parameter ScheduleExpression is not valid. Expected rate(1 minute), rate(5 hours) … or cron(…).")


def _shown(rule: Record) -> Members:
    return {member: rule[member] for member in SHOWN if member in rule}
