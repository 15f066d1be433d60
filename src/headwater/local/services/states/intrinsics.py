"""Calls of intrinsic functions, ``States.Format('{}', $.name)``: read once, evaluated many times.

Not faithful: AWS limits nesting to ten calls; so does this, at compilation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from headwater.local.services.states.errors import runtime
from headwater.local.services.states.intrinsic_functions import (
    FUNCTIONS,
    IntrinsicProblem,
    filled,
    invalid,
    template_pieces,
)
from headwater.local.services.states.java_values import java_text
from headwater.local.services.states.json_text import dumps
from headwater.local.services.states.path_misses import miss, root_of
from headwater.local.services.states.path_parser import Parser
from headwater.local.services.states.paths import MISSING, Path, PathSyntaxError, Scope

MAX_NESTING = 10
_FUNCTION_NAME = re.compile(r"States\.[A-Za-z0-9]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_ESCAPED = "'{}\\"

Argument = Callable[[Scope], Any]


class MissingArgument(ValueError):
    """A path in a call leads nowhere."""


class IntrinsicCall:
    """A compiled call.

    A wrong number of arguments is no fault of the definition: AWS finds it when the call is computed.

    Attributes
    ----------
    text:
        As written.
    """

    __slots__ = ("_arguments", "_compute", "name", "text")

    def __init__(self, text: str, name: str, arguments: list[Argument]) -> None:
        self.text = text
        self.name = name
        function = FUNCTIONS[name]
        fits = function.least <= len(arguments) <= (len(arguments) if function.most is None else function.most)
        self._compute = function.compute if fits else self._refuse
        self._arguments = arguments

    def evaluate(self, scope: Scope) -> Any:
        """The value of an outermost call; StateFailure ``States.Runtime`` that names it when it has none."""
        try:
            return self.value(scope)
        except IntrinsicProblem as problem:
            text = f"There was an error while evaluating the intrinsic function: {self.text}. {problem}"
            raise runtime(text) from problem
        except MissingArgument as problem:
            raise runtime(f"The function '{self.text}' had the following error: {problem}") from problem

    def value(self, scope: Scope) -> Any:
        """The function's value."""
        return self._compute(*[argument(scope) for argument in self._arguments])

    def _refuse(self, *arguments: Any) -> Any:
        raise invalid(self.name)


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
        template: str | None = None
        if not self.peek(")"):
            if name == "States.Format" and self.peek("'"):
                template = self.template()
            else:
                arguments.append(self.argument(depth, name))
            self.spaces()
            while self.take(","):
                self.spaces()
                arguments.append(self.argument(depth, name))
                self.spaces()
        self.need(")")
        text = self.text[start : self.position]
        return IntrinsicCall(text, name, arguments) if template is None else _FormatCall(text, template, arguments)

    def argument(self, depth: int, caller: str) -> Argument:
        """Read a literal, a path or a nested call."""
        if self.peek("$"):
            return _path_argument(self)
        if self.peek("States."):
            call = self.call(depth + 1)
            if (caller, call.name) == ("States.Format", "States.StringToJson"):
                return lambda scope: dumps(call.value(scope))  # AWS shows the parser's own value: a text has its quotes
            return call.value
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

    def template(self) -> str:
        """Read the literal of States.Format; its backslashes stay."""
        start = self.position
        self.characters()
        return self.text[start + 1 : self.position - 1]


class _FormatCall(IntrinsicCall):
    """``States.Format`` with a literal template, cut once."""

    __slots__ = ("_pieces",)

    def __init__(self, text: str, template: str, arguments: list[Argument]) -> None:
        super().__init__(text, "States.Format", arguments)
        self._pieces: list[str] | IntrinsicProblem
        try:
            self._pieces = template_pieces(template)
        except IntrinsicProblem as problem:
            self._pieces = problem

    def value(self, scope: Scope) -> Any:
        texts = [java_text(argument(scope)) for argument in self._arguments]
        if isinstance(self._pieces, IntrinsicProblem):
            raise self._pieces
        return filled(self._pieces, texts)


def _path_argument(parser: Parser) -> Argument:
    path = parser.path()

    def read(scope: Scope) -> Any:
        value = path.read(scope)
        if value is MISSING:
            raise MissingArgument(_missing(path, scope))
        return value

    return read


def _missing(path: Path, scope: Scope) -> str:
    root = root_of(path, scope)
    text = "" if root is MISSING else miss(path, root)
    if text.startswith("Filter:"):
        return text
    field = path.text[1:] if path.root == "context" else path.text
    return f"The JsonPath argument for the field '{field}' could not be found in the input '{dumps(scope.input)}'"


@lru_cache(maxsize=4096)
def compile_intrinsic(text: str) -> IntrinsicCall:
    """The compiled call of ``text``; PathSyntaxError when it is none."""
    parser = _CallParser(text.strip())
    call = parser.call()
    if parser.position != len(parser.text):
        raise parser.fail("the end of the call")
    return call
