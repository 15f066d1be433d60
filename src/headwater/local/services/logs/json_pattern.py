"""JSON filter patterns: ``{ $.level = "ERROR" && $.ms > 100 }``, compiled to a test of a message."""

from __future__ import annotations

import json
import re
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.logs.field_tests import (
    COMPARE,
    NUMBER,
    FieldTest,
    Test,
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


class JsonPattern:
    """A recursive-descent parser of ``{ … }``; ``&&`` binds tighter than ``||``. ``fields`` are its selectors."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields: set[str] = set()
        if not text.endswith("}"):
            raise bad_pattern(f"Invalid filter pattern, a closing brace is missing: {text}")
        self.tokens = self._tokenize(text[1:-1].rstrip())
        self.position = 0

    def _tokenize(self, body: str) -> list[tuple[str, str]]:
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

    def compile(self) -> Test:
        """The test of a message. Raises InvalidParameterException."""
        test = self._any_of()
        if self.position != len(self.tokens):
            raise self._error()

        def matches(message: str) -> bool:
            document = _document(message)
            return document is not MISSING and test(document)

        return matches

    def values(self, message: str) -> dict[str, str]:
        """What a message has at the pattern's selectors, the first of several, by selector."""
        document = _document(message)
        found = {field: _select(document, _steps(field)) for field in sorted(self.fields)}
        return {field: shown(values[0]) for field, values in found.items() if values}

    def _error(self) -> ServiceError:
        return bad_pattern(f"Invalid filter pattern: {self.text}")

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self.position += 1
        return token

    def _accept(self, kind: str, value: str) -> bool:
        found_kind, found = self._peek()
        if found_kind == kind and found.upper() == value:
            self.position += 1
            return True
        return False

    def _any_of(self) -> FieldTest:
        tests = [self._all_of()]
        while self._accept("operator", "||"):
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _all_of(self) -> FieldTest:
        tests = [self._condition()]
        while self._accept("operator", "&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _condition(self) -> FieldTest:
        if self._accept("operator", "("):
            test = self._any_of()
            if not self._accept("operator", ")"):
                raise self._error()
            return test
        kind, selector = self._take()
        if kind != "selector":
            raise self._error()
        self.fields.add(selector)
        steps = _steps(selector)
        if self._accept("word", "IS"):
            return _any_value(steps, self._constant())
        if self._accept("word", "NOT"):
            if not self._accept("word", "EXISTS"):
                raise self._error()
            return lambda document: not _select(document, steps)
        kind, sign = self._take()
        if kind != "operator" or sign in ("(", ")", "&&", "||"):
            raise self._error()
        return _any_value(steps, self._comparison(sign))

    def _constant(self) -> FieldTest:
        wanted = {"FALSE": False, "NULL": None, "TRUE": True}.get(self._take()[1].upper(), MISSING)
        if wanted is MISSING:
            raise self._error()
        return lambda value: value is wanted

    def _comparison(self, sign: str) -> FieldTest:
        kind, text = self._take()
        if kind == "regex" and sign in ("=", "!="):
            test = regex_test(text[1:-1])
            return lambda value: isinstance(value, str) and test(value) == (sign == "=")
        if kind not in ("string", "word"):
            raise self._error()
        number = float(text) if kind == "word" and NUMBER.fullmatch(text) else None
        if sign in COMPARE:
            if number is None:
                raise bad_pattern(f"Invalid filter pattern, {sign} compares numbers: {self.text}")
            limit, compares = number, COMPARE[sign]
            return lambda value: is_number(value) and compares(value, limit)
        same = equals(number, text[1:-1] if kind == "string" else text)
        return same if sign == "=" else lambda value: not same(value)


def _document(message: str) -> Any:
    """A message's object or list; MISSING where it is neither."""
    start = message.lstrip()[:1]
    if start != "{" and start != "[":
        return MISSING
    try:
        return json.loads(message)
    except ValueError:
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
