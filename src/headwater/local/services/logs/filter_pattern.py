"""CloudWatch Logs filter patterns: terms and JSON selectors, compiled to a test of a message.

Source: CloudWatch Logs user guide, "Filter pattern syntax" (2025). Unstructured: ``ERROR``, ``"exact phrase"``,
``-exclude``, ``?either ?or``, ``%regex%``; all terms must match. JSON: ``{ $.level = "ERROR" && $.ms > 100 }`` with
``= != < > <= >=``, ``IS NULL``, ``IS TRUE``, ``IS FALSE``, ``NOT EXISTS``, ``%regex%``, ``*`` in strings, ``&&``,
``||`` and brackets. Everything is case-sensitive. ``?`` terms beside others are ignored, as on AWS.

Not faithful to AWS: space-delimited patterns (``[ip, user, …]``) and IP ranges are refused by name, and a term is
found anywhere in the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from headwater.local.service import ServiceError

Test = Callable[[str], bool]
JsonTest = Callable[[Any], bool]

TERM = re.compile(r'\s*([?-]?)\s*(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))')
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
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
MISSING = object()
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def compile_pattern(pattern: str | None) -> Test:
    """A test of messages.

    Raises
    ------
    ServiceError
        InvalidParameterException: the pattern cannot be read, or is of a kind that is not supported.
    """
    text = (pattern or "").strip()
    if not text:
        return lambda message: True
    if text.startswith("{"):
        return _JsonPattern(text).compile()
    if text.startswith("["):
        raise _invalid(f"Space-delimited filter patterns are not supported here: {text}")
    return _compile_terms(text)


def _compile_terms(text: str) -> Test:
    required: list[Test] = []
    optional: list[Test] = []
    position = 0
    while position < len(text):
        match = TERM.match(text, position)
        if match is None:
            raise _invalid(f"Invalid filter pattern: {text}")
        position = match.end()
        sign, phrase, expression, word = match.groups()
        test = _regex_test(expression) if expression is not None else _contains(_term(phrase, word))
        if sign == "?":
            optional.append(test)
        else:
            required.append(_negated(test) if sign == "-" else test)
    if required:  # "If you combine ? with other filter patterns, all question mark terms will be ignored"
        return lambda message: all(test(message) for test in required)
    return lambda message: any(test(message) for test in optional)


def _term(phrase: str | None, word: str) -> str:
    if phrase is not None:
        return re.sub(r"\\(.)", r"\1", phrase)
    if wrong := re.search(r"[^\w]", word):
        raise _invalid(f"Invalid character(s) in term '{wrong.group()}'")
    return word


def _contains(term: str) -> Test:
    return lambda message: term in message


def _negated(test: Test) -> Test:
    return lambda message: not test(message)


def _regex_test(expression: str) -> Test:
    try:
        compiled = re.compile(expression)
    except re.error as error:
        raise _invalid(f"Invalid regular expression %{expression}% in filter pattern: {error}") from error
    return lambda message: compiled.search(message) is not None


class _JsonPattern:
    """A recursive-descent parser of ``{ … }``; ``&&`` binds tighter than ``||``."""

    def __init__(self, text: str) -> None:
        self.text = text
        if not text.endswith("}"):
            raise _invalid(f"Invalid filter pattern, a closing brace is missing: {text}")
        self.tokens = self._tokenize(text[1:-1].rstrip())
        self.position = 0

    def _tokenize(self, body: str) -> list[tuple[str, str]]:
        tokens, position = [], 0
        while position < len(body):
            match = JSON_TOKEN.match(body, position)
            if match is None:
                wrong = body[position:].lstrip()[:1]
                raise _invalid(f"Invalid character(s) in term '{wrong}'")
            kind = match.lastgroup or ""
            tokens.append((kind, match.group(kind)))
            position = match.end()
        return tokens

    def compile(self) -> Test:
        test = self._any_of()
        if self.position != len(self.tokens):
            raise self._error()

        def matches(message: str) -> bool:
            start = message.lstrip()[:1]
            if start != "{" and start != "[":
                return False
            try:
                return test(json.loads(message))
            except ValueError:
                return False

        return matches

    def _error(self) -> ServiceError:
        return _invalid(f"Invalid filter pattern: {self.text}")

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

    def _any_of(self) -> JsonTest:
        tests = [self._all_of()]
        while self._accept("operator", "||"):
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _all_of(self) -> JsonTest:
        tests = [self._condition()]
        while self._accept("operator", "&&"):
            tests.append(self._condition())
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _condition(self) -> JsonTest:
        if self._accept("operator", "("):
            test = self._any_of()
            if not self._accept("operator", ")"):
                raise self._error()
            return test
        kind, selector = self._take()
        if kind != "selector":
            raise self._error()
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

    def _constant(self) -> JsonTest:
        wanted = {"FALSE": False, "NULL": None, "TRUE": True}.get(self._take()[1].upper(), MISSING)
        if wanted is MISSING:
            raise self._error()
        return lambda value: value is wanted

    def _comparison(self, sign: str) -> JsonTest:
        kind, text = self._take()
        if kind == "regex" and sign in ("=", "!="):
            test = _regex_test(text[1:-1])
            return lambda value: isinstance(value, str) and test(value) == (sign == "=")
        if kind not in ("string", "word"):
            raise self._error()
        number = float(text) if kind == "word" and NUMBER.fullmatch(text) else None
        if sign in COMPARE:
            if number is None:
                raise _invalid(f"Invalid filter pattern, {sign} compares numbers: {self.text}")
            limit, compares = number, COMPARE[sign]
            return lambda value: _is_number(value) and compares(value, limit)
        equals = _equals(number, text[1:-1] if kind == "string" else text)
        return equals if sign == "=" else lambda value: not equals(value)


def _equals(number: float | None, text: str) -> JsonTest:
    if number is not None:
        return lambda value: value == number if _is_number(value) else value == text
    wanted = re.sub(r"\\(.)", r"\1", text)
    if "*" not in wanted:
        return lambda value: value == wanted if isinstance(value, str) else _shown(value) == wanted
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
    return lambda value: pattern.fullmatch(_shown(value)) is not None


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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


def _any_value(steps: list[str | int], test: JsonTest) -> JsonTest:
    return lambda document: any(test(value) for value in _select(document, steps))


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
