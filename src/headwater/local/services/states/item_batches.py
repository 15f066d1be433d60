"""``ItemBatcher``: several items handed to one child execution of a distributed Map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headwater.local.services.states.errors import runtime
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.map_fields import NumberField
from headwater.local.services.states.scope import Scope
from headwater.local.services.states.templates import Template


@dataclass(frozen=True, slots=True)
class ItemBatcher:
    """How items are batched."""

    max_items: NumberField
    max_bytes: NumberField
    batch_input: Template | None

    def batches(self, items: list[Any], scope: Scope) -> list[dict[str, Any]]:
        """The child executions' inputs: ``{"BatchInput": …, "Items": […]}``."""
        most, bytes_limit = self.max_items.read(scope), self.max_bytes.read(scope)
        if not most and not bytes_limit:
            raise runtime("ItemBatcher needs MaxItemsPerBatch or MaxInputBytesPerBatch greater than 0.")
        common = {} if self.batch_input is None else {"BatchInput": self.batch_input.evaluate(scope)}
        made: list[list[Any]] = []
        size = 0
        overhead = len(dumps({**common, "Items": []}).encode())
        for item in items:
            item_bytes = len(dumps(item).encode()) + 1
            full = bool(made) and bool(most) and len(made[-1]) >= int(most or 0)
            heavy = bool(bytes_limit) and size + item_bytes > int(bytes_limit or 0)
            if not made or full or (heavy and made[-1]):
                made.append([])
                size = overhead
            made[-1].append(item)
            size += item_bytes
        return [{**common, "Items": batch} for batch in made]
