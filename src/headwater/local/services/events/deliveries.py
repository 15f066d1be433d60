"""Deliveries of events to the targets of rules."""

from __future__ import annotations

import time
import uuid

from headwater.local import deliveries
from headwater.local.deliveries import DeliveryError
from headwater.local.service import Endpoint, Members
from headwater.local.services.events.senders import Senders
from headwater.local.services.events.target_input import Origin, target_input

DELIVERY = "events.delivery"


class Deliveries(deliveries.Deliveries):
    """The deliveries of the rules.

    Parameters
    ----------
    endpoint:
        Gives the store and the targets' services.
    first_pause_s:
        The pause after the first failed attempt.
    """

    kind = DELIVERY

    def __init__(self, endpoint: Endpoint, first_pause_s: float = 1.0) -> None:
        super().__init__(endpoint.store, first_pause_s)
        self._senders = Senders(endpoint)

    def new(self, event: Members, rule: Members, received: str) -> list[Members]:
        """The deliveries of an event by a rule that matches it, one a target; not yet kept."""
        accepted = time.time()
        return [
            {
                "id": uuid.uuid4().hex,
                "event": event,
                "rule": {"Name": rule["Name"], "Arn": rule["Arn"]},
                "target": target,
                "received": received,
                "accepted": accepted,
                "attempts": 0,
                "due": 0.0,
            }
            for target in rule["Targets"]
        ]

    def send(self, delivery: Members) -> None:
        """Send what the target is to get."""
        origin = Origin(delivery["rule"]["Arn"], delivery["rule"]["Name"], delivery["received"])
        self._senders.send(delivery, target_input(delivery["target"], delivery["event"], origin))

    def bury(self, delivery: Members, error: DeliveryError, exhausted: str | None) -> None:
        """Send the event to the dead-letter queue."""
        self._senders.bury(delivery, error, exhausted)

    def named(self, delivery: Members) -> str:
        """The rule and the event."""
        return f"event {delivery['event']['id']} of rule {delivery['rule']['Name']}"
