"""The picture of ``$formatNumber``: which of its rules it breaks.

The ``jsonata`` package stops at the first rule and misses some; jsonata-js, and so AWS, names the last that is broken.
Source: XPath and XQuery Functions 3.1, 4.7.3 "Syntax of the picture string"; answers of ``TestState``, published with
floci's pull request 2783 (2026-08), read 2026-11-25. The symbols may be replaced by the function's third argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

SYMBOLS = {
    "decimal-separator": ".",
    "digit": "#",
    "exponent-separator": "e",
    "grouping-separator": ",",
    "pattern-separator": ";",
    "per-mille": "\u2030",
    "percent": "%",
    "zero-digit": "0",
}


def broken_rule(picture: str, options: Any = None) -> str | None:
    """The code of the rule that a picture breaks, or None when it is sound."""
    given = options if isinstance(options, dict) else {}
    symbols = _Symbols(*({**SYMBOLS, **given}[name] for name in SYMBOLS))
    parts = picture.split(symbols.pattern)
    if len(parts) > 2:
        return "D3080"
    for part in parts:
        broken = list(symbols.broken(part))
        if broken:
            return broken[-1]
    return None


class _Symbols(NamedTuple):
    decimal: str
    digit: str
    exponent: str
    grouping: str
    pattern: str
    per_mille: str
    percent: str
    zero: str

    def is_decimal_digit(self, character: str) -> bool:
        return 0 <= ord(character) - ord(self.zero) < 10

    def is_active(self, character: str) -> bool:
        symbols = (self.decimal, self.exponent, self.grouping, self.digit, self.pattern)
        return character in symbols or self.is_decimal_digit(character)

    def broken(self, text: str) -> Iterator[str]:
        """The codes of all the rules that a sub-picture breaks, in their order."""
        active, suffix = self._active_part(text)
        mantissa, separator, exponent = active.partition(self.exponent)
        whole, _, fraction = mantissa.partition(self.decimal)
        if self.decimal not in mantissa:
            fraction = suffix
        for code, symbol in (("D3081", self.decimal), ("D3082", self.percent), ("D3083", self.per_mille)):
            if text.count(symbol) > 1:
                yield code
        scaled = self.percent in text or self.per_mille in text
        if self.percent in text and self.per_mille in text:
            yield "D3084"
        if not any(character == self.digit or self.is_decimal_digit(character) for character in mantissa):
            yield "D3085"
        if not all(map(self.is_active, active)):
            yield "D3086"
        if self.grouping + self.decimal in text or self.decimal + self.grouping in text:
            yield "D3087"
        elif self.decimal not in text and whole.endswith(self.grouping):
            yield "D3088"
        if 2 * self.grouping in text:
            yield "D3089"
        if any(map(self.is_decimal_digit, whole.partition(self.digit)[0])) and self.digit in whole:
            yield "D3090"
        if self.digit in fraction and any(map(self.is_decimal_digit, fraction.rpartition(self.digit)[2])):
            yield "D3091"
        if separator:
            if exponent and scaled:
                yield "D3092"
            if not exponent or not all(map(self.is_decimal_digit, exponent)):
                yield "D3093"

    def _active_part(self, text: str) -> tuple[str, str]:
        """What is between the passive characters at the edges, and those at the end."""
        places = [i for i, c in enumerate(text) if self.is_active(c) and c != self.exponent]
        if not places:
            return text, ""
        last = places[-1] + 1
        if text[last : last + 1] == self.exponent and not text[last + 1 :].strip(self.percent + self.per_mille):
            last += 1  # an exponent that is missing
        return text[places[0] : last], text[last:]
