"""Space-delimited filter patterns: ``[ip, ..., request = *.html*, status = 4* || status = 5*, bytes > 1000]``.

A message is split at its spaces; what stands in square brackets or in double quotes is one field. It matches when it
has as many fields as the pattern (``...`` once for any number, ``[]`` alone for ``[...]``) and every condition holds.
A field need not have a name. Fields without one, and those that ``...`` stands for, are known by their place: ``$3``.

Source: CloudWatch Logs user guide, "Using filter patterns to match terms in space-delimited log events"; API reference,
TestMetricFilter, whose examples have ``[]`` and ``[..., status_code=4*,]`` (read 2026-11-25).
"""

from __future__ import annotations

import re

from headwater.local.services.logs.condition_parser import ConditionParser
from headwater.local.services.logs.field_tests import COMPARE, NUMBER, FieldTest, bad_pattern, equals, regex_test

ELLIPSIS = "..."
FIELD = re.compile(r'\[([^\]]*)\]|"((?:[^"\\]|\\.)*)"|(\S+)')
PART = re.compile(r'((?:"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^,"%])*),')
TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<regex>%(?:[^%\\]|\\.)+%)
    | (?P<operator>&&|\|\||!=|<=|>=|=|<|>|\(|\))
    | (?P<word>[^\s"%=<>!&|()]+)
    )""",
    re.VERBOSE,
)
NAME = re.compile(r"[A-Za-z_][\w\-]*")


class SpacePattern:
    """A pattern of fields.

    Parameters
    ----------
    text:
        With its brackets. Raises InvalidParameterException where it cannot be read.
    """

    def __init__(self, text: str) -> None:
        if not text.endswith("]"):
            raise bad_pattern(f"Invalid filter pattern, a closing bracket is missing: {text}")
        parts = _parts(text)
        self._ellipsis = parts.index(ELLIPSIS) if ELLIPSIS in parts else None
        if parts.count(ELLIPSIS) > 1:
            raise bad_pattern(f"Invalid filter pattern: {text}")
        fields = [_Field(part, text) for part in parts if part != ELLIPSIS]
        self._tests = [field.read() for field in fields]
        self.regexes = sum(field.regexes for field in fields)
        self.names = tuple(f"${name}" for name, _ in self._tests if name)
        self.counts_places = self._ellipsis is not None or len(self.names) < len(fields)
        if len(set(self.names)) < len(self.names):
            raise bad_pattern(f"Invalid filter pattern, a field is named twice: {text}")

    def matches(self, message: str) -> bool:
        """Whether a message has these fields, and they are as asked."""
        placed = self._placed(message)
        return placed is not None and all(test is None or test(value) for _, test, value in placed)

    def values(self, message: str) -> dict[str, str]:
        """The fields of a message that matches, by ``$name``, or ``$place`` where they have no name."""
        placed = self._placed(message) or []
        return {f"${name or place}": value for place, (name, _, value) in enumerate(placed, 1)}

    def _placed(self, message: str) -> list[tuple[str, FieldTest | None, str]] | None:
        """(name, test, value) of each field; None when there are too few or too many."""
        values = [bracketed or quoted or plain for bracketed, quoted, plain in FIELD.findall(message)]
        tests = list(self._tests)
        more = len(values) - len(tests)
        if self._ellipsis is not None and more >= 0:
            tests[self._ellipsis : self._ellipsis] = [("", None)] * more
        elif more:
            return None
        return [(name, test, value) for (name, test), value in zip(tests, values, strict=True)]


def _parts(text: str) -> list[str]:
    """What stands between a pattern's commas."""
    body = text[1:-1].strip()
    if not body:
        return [ELLIPSIS]
    parts = PART.findall(body + ",")
    if sum(len(part) + 1 for part in parts) != len(body) + 1:
        raise bad_pattern(f"Invalid filter pattern, a quote or a percent sign is not closed: {text}")
    return [part.strip() for part in parts]


class _Field(ConditionParser):
    """A field's name and conditions, as ``status = 4* || status = 5*``; each condition is on that field."""

    def __init__(self, part: str, pattern: str) -> None:
        super().__init__([], pattern)
        position = 0
        while position < len(part):
            match = TOKEN.match(part, position)
            if match is None:
                raise self.error()
            kind = match.lastgroup or ""
            self.tokens.append((kind, match.group(kind)))
            position = match.end()
        self.name = next((text for kind, text in self.tokens if kind == "word"), "")

    def read(self) -> tuple[str, FieldTest | None]:
        """(name, test), the name empty where there is none, the test None where there is no condition."""
        if not self.tokens:
            return "", None
        if not NAME.fullmatch(self.name):
            raise self.error()
        return self.name, self.whole() if len(self.tokens) > 1 else None

    def condition(self) -> FieldTest:
        """The field, and what it is to be."""
        if self.take() != ("word", self.name):
            raise self.error()
        sign = self.take_comparison()
        kind, text = self.take()
        if kind not in ("string", "regex", "word"):
            raise self.error()
        return _comparison(sign, kind, text, self.pattern)


def _comparison(sign: str, kind: str, text: str, pattern: str) -> FieldTest:
    if sign in COMPARE:
        if not NUMBER.fullmatch(text):
            raise bad_pattern(f"Invalid filter pattern, {sign} compares numbers: {pattern}")
        limit, compares = float(text), COMPARE[sign]
        return lambda value: NUMBER.fullmatch(value) is not None and compares(float(value), limit)
    same = regex_test(text[1:-1]) if kind == "regex" else equals(None, text[1:-1] if kind == "string" else text)
    return same if sign == "=" else lambda value: not same(value)
