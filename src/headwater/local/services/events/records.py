"""Buses and rules in the store, and what every operation says of them."""

from __future__ import annotations

import re
import time
from typing import Any

from headwater.local import paging
from headwater.local.service import Members, Service, ServiceError
from headwater.local.store import Record

BUS, RULE = "events.bus", "events.rule"
DEFAULT = "default"
NAME = re.compile(r"[.\-_A-Za-z0-9]{1,64}")


def invalid(text: str) -> ServiceError:
    """AWS's ValidationException."""
    return ServiceError("ValidationException", text)


class EventRecords(Service):
    """Reads and writes buses and rules. A rule's record holds its targets and tags."""

    name = "events"

    def arn(self, resource: str) -> str:
        """An ARN of this account and region."""
        return f"arn:aws:events:{self.endpoint.region}:{self.endpoint.account}:{resource}"

    # -- buses ---------------------------------------------------------------------------------------------------

    def bus_name(self, text: str | None) -> str:
        """A bus's name from its name or ARN."""
        if text is None:
            return DEFAULT
        return text.partition(":event-bus/")[2] if text.startswith("arn:") else text

    def find_bus(self, name: str) -> Record | None:
        """A bus's record; the default bus is always there."""
        found = self.store.get(BUS, name)
        return {"Name": DEFAULT, "Tags": []} if found is None and name == DEFAULT else found

    def bus(self, text: str | None) -> str:
        """The name of a bus that exists; raises ResourceNotFoundException."""
        name = self.bus_name(text)
        if self.find_bus(name) is None:
            raise ServiceError("ResourceNotFoundException", f"Event bus {name} does not exist.")
        return name

    # -- rules ---------------------------------------------------------------------------------------------------

    @staticmethod
    def rule_key(bus: str, rule: str) -> str:
        """Where a rule's record is."""
        return f"{bus}|{rule}"

    def rule_arn(self, bus: str, rule: str) -> str:
        """A rule's ARN."""
        return self.arn(f"rule/{rule}" if bus == DEFAULT else f"rule/{bus}/{rule}")

    def rule(self, bus: str, name: str) -> Record:
        """A rule's record; raises ResourceNotFoundException."""
        found = self.store.get(RULE, self.rule_key(bus, name))
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {bus}.")
        return found

    def rules(self, bus: str) -> list[Record]:
        """The rules of a bus, by name."""
        return [record for _, record in self.store.scan(RULE, f"{bus}|")]

    def anyone_listens(self, bus: str) -> bool:
        """Whether a rule of a bus matches events at all."""
        return any("EventPattern" in rule for rule in self.rules(bus))

    def put_record(self, bus: str, record: Record) -> None:
        """Keep a rule's record."""
        self.store.put(RULE, self.rule_key(bus, record["Name"]), record)


def page(items: list[Any], limit: int | None, token: str | None) -> tuple[list[Any], Members]:
    """One page of a list (100 unless said), and its NextToken if there is more."""
    return paging.page(items, limit or 100, token, invalid("NextToken is not valid."))


def now_iso(seconds: float | None = None) -> str:
    """A moment (now when None) as events write it: UTC, whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
