"""Conditions of filter patterns, joined by ``&&``, which binds tighter, ``||`` and brackets: a recursive descent."""

from __future__ import annotations

from abc import ABC, abstractmethod

from headwater.local.service import ServiceError
from headwater.local.services.logs.field_tests import FieldTest, bad_pattern

Token = tuple[str, str]


class ConditionParser(ABC):
    """Reads tokens from left to right; what a single condition is, a subclass says.

    Parameters
    ----------
    tokens:
        (kind, text) of each.
    pattern:
        The whole pattern, for its refusal.
    """

    def __init__(self, tokens: list[Token], pattern: str) -> None:
        self.tokens = tokens
        self.pattern = pattern
        self.position = 0

    @property
    def regexes(self) -> int:
        """How many of the tokens are regular expressions."""
        return sum(kind == "regex" for kind, _ in self.tokens)

    def whole(self) -> FieldTest:
        """The test that all the tokens describe. Raises InvalidParameterException."""
        try:
            test = self._any_of()
        except RecursionError as error:
            raise self.error() from error
        if self.position != len(self.tokens):
            raise self.error()
        return test

    def error(self) -> ServiceError:
        """The refusal of the pattern."""
        return bad_pattern(f"Invalid filter pattern: {self.pattern}")

    @abstractmethod
    def condition(self) -> FieldTest:
        """The test of the condition that begins here."""

    def take(self) -> Token:
        """The next token."""
        token = self._peek()
        self.position += 1
        return token

    def accept(self, kind: str, value: str) -> bool:
        """Whether the next token is this one, in whatever case; it is taken then."""
        found_kind, found = self._peek()
        if found_kind == kind and found.upper() == value:
            self.position += 1
            return True
        return False

    def take_comparison(self) -> str:
        """The operator that compares. Raises where there is another token."""
        kind, sign = self.take()
        if kind != "operator" or sign in ("(", ")", "&&", "||"):
            raise self.error()
        return sign

    def _peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _any_of(self) -> FieldTest:
        tests = [self._all_of()]
        while self.accept("operator", "||"):
            tests.append(self._all_of())
        return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)

    def _all_of(self) -> FieldTest:
        tests = [self._one()]
        while self.accept("operator", "&&"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda value: all(test(value) for test in tests)

    def _one(self) -> FieldTest:
        if not self.accept("operator", "("):
            return self.condition()
        test = self._any_of()
        if not self.accept("operator", ")"):
            raise self.error()
        return test
