"""JSON filter patterns: ``{ $.level = "ERROR" && $.ms > 100 }``, compiled to a test of a message."""

from __future__ import annotations

import json
import re
from typing import Any

from headwater.local.services.logs.condition_parser import ConditionParser, Token
from headwater.local.services.logs.field_tests import (
    COMPARE,
    NUMBER,
    FieldTest,
    bad_pattern,
    equals,
    is_number,
    regex_test,
    shown,
)

JSON_TOKEN = re.compile(
    r"""\s*(?:
      (?P<selector>\$(?:\.[\w\-]+|\.\*|\[(?:\d+|\*)\]|\['[^']+'\]|\["[^"]+"\])*)
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<regex>%(?:[^%\\]|\\.)+%)
    | (?P<operator>&&|\|\||!=|<=|>=|=|<|>|\(|\))
    | (?P<word>[\w\-.*:/@+]+)
    )""",
    re.VERBOSE,
)
STEP = re.compile(r"""\.([\w\-]+|\*)|\[(\d+|\*)\]|\['([^']+)'\]|\["([^"]+)"\]""")
MISSING = object()


class JsonPattern(ConditionParser):
    """A pattern of selectors, with its braces. Raises InvalidParameterException where it cannot be read."""

    def __init__(self, text: str) -> None:
        self._selectors: set[str] = set()
        if not text.endswith("}"):
            raise bad_pattern(f"Invalid filter pattern, a closing brace is missing: {text}")
        super().__init__(_tokens(text[1:-1].rstrip()), text)
        self._test = self.whole()
        self.selectors = tuple(sorted(self._selectors))

    def matches(self, message: str) -> bool:
        """Whether a message is JSON of which the conditions hold."""
        document = _document(message)
        return document is not MISSING and self._test(document)

    def values(self, message: str) -> dict[str, str]:
        """What a message has at the pattern's selectors, the first of several, by selector."""
        document = _document(message)
        found = {selector: _select(document, _steps(selector)) for selector in self.selectors}
        return {selector: shown(values[0]) for selector, values in found.items() if values}

    def condition(self) -> FieldTest:
        """A selector, and what its value is to be."""
        kind, selector = self.take()
        if kind != "selector":
            raise self.error()
        self._selectors.add(selector)
        steps = _steps(selector)
        if self.accept("word", "IS"):
            return _any_value(steps, self._constant())
        if self.accept("word", "NOT"):
            if not self.accept("word", "EXISTS"):
                raise self.error()
            return lambda document: not _select(document, steps)
        return _any_value(steps, self._comparison(self.take_comparison()))

    def _constant(self) -> FieldTest:
        wanted = {"FALSE": False, "NULL": None, "TRUE": True}.get(self.take()[1].upper(), MISSING)
        if wanted is MISSING:
            raise self.error()
        return lambda value: value is wanted

    def _comparison(self, sign: str) -> FieldTest:
        kind, text = self.take()
        if kind == "regex" and sign in ("=", "!="):
            test = regex_test(text[1:-1])
            return lambda value: isinstance(value, str) and test(value) == (sign == "=")
        if kind not in ("string", "word"):
            raise self.error()
        number = float(text) if kind == "word" and NUMBER.fullmatch(text) else None
        if sign in COMPARE:
            if number is None:
                raise bad_pattern(f"Invalid filter pattern, {sign} compares numbers: {self.pattern}")
            limit, compares = number, COMPARE[sign]
            return lambda value: is_number(value) and compares(value, limit)
        same = equals(number, text[1:-1] if kind == "string" else text)
        return same if sign == "=" else lambda value: not same(value)


def _tokens(body: str) -> list[Token]:
    tokens, position = [], 0
    while position < len(body):
        match = JSON_TOKEN.match(body, position)
        if match is None:
            wrong = body[position:].lstrip()[:1]
            raise bad_pattern(f"Invalid character(s) in term '{wrong}'")
        kind = match.lastgroup or ""
        tokens.append((kind, match.group(kind)))
        position = match.end()
    return tokens


def _document(message: str) -> Any:
    """A message's object or list; MISSING where it is neither."""
    start = message.lstrip()[:1]
    if start != "{" and start != "[":
        return MISSING
    try:
        return json.loads(message)
    except (RecursionError, ValueError):
        return MISSING


def _steps(selector: str) -> list[str | int]:
    steps: list[str | int] = []
    for name, index, quoted, double_quoted in STEP.findall(selector):
        if index:
            steps.append(int(index) if index != "*" else "*")
        else:
            steps.append(name or quoted or double_quoted)
    return steps


def _select(document: Any, steps: list[str | int]) -> list[Any]:
    """The values at a selector; several with ``*``, none when there is nothing."""
    found = [document]
    for step in steps:
        reached: list[Any] = []
        for value in found:
            if step == "*" and isinstance(value, (dict, list)):
                reached.extend(value.values() if isinstance(value, dict) else value)
            elif isinstance(step, int) and isinstance(value, list) and step < len(value):
                reached.append(value[step])
            elif isinstance(step, str) and isinstance(value, dict) and step in value:
                reached.append(value[step])
        found = reached
    return found


def _any_value(steps: list[str | int], test: FieldTest) -> FieldTest:
    return lambda document: any(test(value) for value in _select(document, steps))
