"""What Java makes of values where AWS's interpreter lets it show: texts, the order of a set, a seeded random number.

Source: executions recorded on AWS and published with the tests of tiny-asl-machine, 2026, read 2026-11-25: the same
seed gives what ``java.util.Random`` gives, and the items of ``States.ArrayUnique`` come in the order of a ``HashSet``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from headwater.local.services.states.json_text import dumps

_MULTIPLIER, _INCREMENT, _STATE = 0x5DEECE66D, 0xB, (1 << 48) - 1
_LEAST_BUCKETS, _LOAD = 16, 0.75


def java_text(value: Any, nested: bool = False) -> str:
    """A value as Java's ``toString`` shows it: what ``States.Format`` puts into the text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={java_text(item, True)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(java_text(item, True) for item in value) + "]" if nested else dumps(value)
    return dumps(value)


def same(left: Any, right: Any) -> bool:
    """JSON equality: a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def java_hash(value: Any) -> int:
    """``hashCode()`` as 32 bits without a sign."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return 1231 if value else 1237
    if isinstance(value, int):
        return (value if -(1 << 31) <= value < 1 << 31 else value ^ (value >> 32)) & 0xFFFFFFFF
    if isinstance(value, float):
        bits = int.from_bytes(struct.pack(">d", value))
        return (bits ^ bits >> 32) & 0xFFFFFFFF
    if isinstance(value, str):
        units = value.encode("utf-16-be", "surrogatepass")
        return _fold(0, (units[at] << 8 | units[at + 1] for at in range(0, len(units), 2)))
    if isinstance(value, list):
        return _fold(1, map(java_hash, value))
    return sum(java_hash(key) ^ java_hash(item) for key, item in value.items()) & 0xFFFFFFFF


def _fold(start: int, parts: Iterable[int]) -> int:
    total = start
    for part in parts:
        total = (31 * total + part) & 0xFFFFFFFF
    return total


def distinct(items: list[Any]) -> list[Any]:
    """The items without repetitions, in the order of a ``HashSet``."""
    unique: dict[int, list[Any]] = {}
    count = 0
    for item in items:
        known = unique.setdefault(java_hash(item), [])
        if not any(same(item, other) for other in known):
            known.append(item)
            count += 1
    buckets = _LEAST_BUCKETS
    while count > buckets * _LOAD:
        buckets *= 2
    found: list[list[Any]] = [[] for _ in range(buckets)]
    for code, known in unique.items():
        found[(code ^ code >> 16) & (buckets - 1)] += known
    return [item for bucket in found for item in bucket]


def seeded_below(seed: int, bound: int) -> int:
    """``new Random(seed).nextInt(bound)``: the first number from 0 up to ``bound``, excluded."""
    state = (seed ^ _MULTIPLIER) & _STATE
    while True:
        state = (state * _MULTIPLIER + _INCREMENT) & _STATE
        drawn = state >> 17
        if bound & (bound - 1) == 0:
            return bound * drawn >> 31
        if drawn - drawn % bound + bound - 1 < 1 << 31:
            return drawn % bound
