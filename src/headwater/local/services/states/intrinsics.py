"""Calls of intrinsic functions, ``States.Format('{}', $.name)``: read once, evaluated many times.

Not faithful: AWS limits nesting to ten calls; so does this, at compilation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from headwater.local.services.states.errors import StateFailure
from headwater.local.services.states.intrinsic_functions import FUNCTIONS, failure, java_text
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.path_parser import Parser
from headwater.local.services.states.paths import MISSING, PathSyntaxError, Scope

MAX_NESTING = 10
_FUNCTION_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_ESCAPED = "'{}\\"

Argument = Callable[[Scope], Any]


class IntrinsicCall:
    """A compiled call.

    Attributes
    ----------
    text:
        As written.
    """

    __slots__ = ("_arguments", "_compute", "_name", "text")

    def __init__(self, text: str, name: str, arguments: list[Argument]) -> None:
        self.text = text
        self._name = name
        self._compute = FUNCTIONS[name].compute
        self._arguments = arguments

    def evaluate(self, scope: Scope) -> Any:
        """The function's value; StateFailure ``States.IntrinsicFailure`` when an argument is wrong."""
        values = [argument(scope) for argument in self._arguments]
        try:
            return self._compute(*values)
        except StateFailure as problem:
            if problem.cause and problem.cause.startswith("Invalid arguments"):
                text = f"The function '{self.text}' had the following error: {problem.cause}"
                raise StateFailure(problem.error, text, located=True) from problem
            raise


class _CallParser(Parser):
    """Reads a call; paths inside are read by the path parser that this extends."""

    def call(self, depth: int = 1) -> IntrinsicCall:
        """Read ``States.Name(arguments)``."""
        start = self.position
        name = self.match(_FUNCTION_NAME, "the name of an intrinsic function")
        if name not in FUNCTIONS:
            raise PathSyntaxError(f"{name} is no intrinsic function; there are {', '.join(FUNCTIONS)}")
        if depth > MAX_NESTING:
            raise PathSyntaxError(f"intrinsic functions are nested more than {MAX_NESTING} deep in {self.text!r}")
        self.spaces()
        self.need("(")
        self.spaces()
        arguments: list[Argument] = []
        pieces: list[str] | None = None
        if not self.peek(")"):
            if name == "States.Format" and self.peek("'"):
                pieces = self.format_pieces()
            else:
                arguments.append(self.argument(depth))
            self.spaces()
            while self.take(","):
                self.spaces()
                arguments.append(self.argument(depth))
                self.spaces()
        self.need(")")
        return self.build(self.text[start : self.position], name, arguments, pieces)

    def build(self, text: str, name: str, arguments: list[Argument], pieces: list[str] | None) -> IntrinsicCall:
        """Check the number of arguments and make the call."""
        count = len(arguments) + (pieces is not None)
        function = FUNCTIONS[name]
        if count < function.least or (function.most is not None and count > function.most):
            raise PathSyntaxError(f"{name} takes {function.least} to {function.most} arguments and got {count}")
        if pieces is None:
            return IntrinsicCall(text, name, arguments)
        if len(pieces) - 1 != len(arguments):
            raise PathSyntaxError(f"{name} has {len(pieces) - 1} placeholders and {len(arguments)} values in {text!r}")
        return _FormatCall(text, pieces, arguments)

    def argument(self, depth: int) -> Argument:
        """Read a literal, a path or a nested call."""
        if self.peek("$"):
            return _path_argument(self)
        if self.peek("States."):
            return self.call(depth + 1).evaluate
        if self.peek("'"):
            literal: Any = "".join(self.characters())
        else:
            literal = self.word()
        return lambda scope: literal

    def word(self) -> Any:
        """Read true, false, null or a number."""
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.take(word):
                return value
        number = self.match(_NUMBER, "an argument")
        return float(number) if re.search("[.eE]", number) else int(number)

    def characters(self) -> list[str]:
        """Read a quoted string into its characters; escaped ones keep their backslash off."""
        self.need("'")
        read = []
        while not self.take("'"):
            if self.position >= len(self.text):
                raise self.fail("'")
            if self.take("\\"):
                character = self.text[self.position : self.position + 1]
                if character not in _ESCAPED:
                    raise self.fail(f"one of {_ESCAPED} after a backslash")
            read.append(self.text[self.position])
            self.position += 1
        return read

    def format_pieces(self) -> list[str]:
        """Read the literal of States.Format, cut at its ``{}``."""
        start = self.position
        self.characters()
        body, pieces, piece, at = self.text[start + 1 : self.position - 1], [], "", 0
        while at < len(body):
            if body[at] == "\\":
                piece += body[at + 1]
                at += 2
            elif body.startswith("{}", at):
                pieces.append(piece)
                piece = ""
                at += 2
            else:
                piece += body[at]
                at += 1
        return [*pieces, piece]


class _FormatCall(IntrinsicCall):
    """``States.Format`` with a literal template, cut once."""

    __slots__ = ("_pieces",)

    def __init__(self, text: str, pieces: list[str], arguments: list[Argument]) -> None:
        super().__init__(text, "States.Format", arguments)
        self._pieces = pieces

    def evaluate(self, scope: Scope) -> Any:
        texts = [java_text(argument(scope)) for argument in self._arguments]
        return self._pieces[0] + "".join(map("".join, zip(texts, self._pieces[1:], strict=True)))


def _path_argument(parser: Parser) -> Argument:
    path = parser.path()

    def read(scope: Scope) -> Any:
        value = path.read(scope)
        if value is MISSING:
            raise failure(
                f"The JsonPath argument for the field '{path.text}' could not be found in the input "
                f"'{dumps(scope.input)}'"
            )
        return value

    return read


@lru_cache(maxsize=4096)
def compile_intrinsic(text: str) -> IntrinsicCall:
    """The compiled call of ``text``; PathSyntaxError when it is none."""
    parser = _CallParser(text.strip())
    call = parser.call()
    if parser.position != len(parser.text):
        raise parser.fail("the end of the call")
    return call
