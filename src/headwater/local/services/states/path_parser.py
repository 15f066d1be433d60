"""Reads JSONPath: a recursive-descent parser of paths and of the filters in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from headwater.local.services.states.paths import (
    MISSING,
    Path,
    PathSyntaxError,
    Segment,
    child,
    children,
    deep_scan,
    every_value,
    filtered,
    index_of,
    indexes,
    slice_of,
)

_NAME = re.compile(r"[^\s.\[\]()'\",|&!=<>@*?:$]+")
_CALL = re.compile(r"\([^()]*\)")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>|=~|\bin\b|\bnin\b")


class Parser:
    """A recursive-descent reader of one path inside a longer text.

    Parameters
    ----------
    text:
        The text that holds the path.
    position:
        Where the path begins (at its ``$`` or ``@``).
    """

    def __init__(self, text: str, position: int = 0) -> None:
        self.text = text
        self.position = position

    def fail(self, expected: str) -> PathSyntaxError:
        """The error that says where and what."""
        return PathSyntaxError(f"expected {expected} at position {self.position} of {self.text!r}")

    def peek(self, token: str) -> bool:
        """Whether ``token`` follows."""
        return self.text.startswith(token, self.position)

    def take(self, token: str) -> bool:
        """Step over ``token`` if it follows."""
        if self.peek(token):
            self.position += len(token)
            return True
        return False

    def need(self, token: str) -> None:
        """Step over ``token`` or fail."""
        if not self.take(token):
            raise self.fail(repr(token))

    def spaces(self) -> None:
        """Step over blanks."""
        while self.position < len(self.text) and self.text[self.position] in " \t\n":
            self.position += 1

    def match(self, pattern: re.Pattern[str], expected: str) -> str:
        """Step over what ``pattern`` matches here, or fail."""
        found = pattern.match(self.text, self.position)
        if not found:
            raise self.fail(expected)
        self.position = found.end()
        return found.group()

    def path(self) -> Path:
        """Read a path that begins with ``$``, ``$$`` or ``$name``."""
        start = self.position
        root, variable = "input", ""
        named = _VARIABLE.match(self.text, self.position)
        if self.take("$$"):
            root = "context"
        elif named:
            root, variable, self.position = "variable", named.group(1), named.end()
        else:
            self.need("$")
        segments = self.segments()
        return Path(self.text[start : self.position], root, variable, segments)

    def segments(self) -> list[Segment]:
        """Read the steps after the root."""
        segments = []
        while True:
            if self.take(".."):
                segments.append(deep_scan(self.bracket() if self.peek("[") else self.dotted()))
            elif self.take("."):
                segments.append(self.bracket() if self.peek("[") else self.dotted())
            elif self.peek("["):
                segments.append(self.bracket())
            else:
                return segments

    def dotted(self) -> Segment:
        """Read what follows a dot."""
        if self.take("*"):
            return Segment("[*]", every_value)
        name = self.match(_NAME, "a name")
        call = _CALL.match(self.text, self.position)
        if call:  # `$.list.length()` is a path to AWS, and leads nowhere
            self.position = call.end()
            name += call.group()
        return child(name)

    def bracket(self) -> Segment:
        """Read ``[…]``."""
        self.need("[")
        self.spaces()
        if self.take("*"):
            segment = Segment("[*]", every_value)
        elif self.take("?"):
            start = self.position
            self.need("(")
            predicate = self.disjunction()
            self.need(")")
            segment = filtered(predicate, self.text[start : self.position])
        elif self.peek("'") or self.peek('"'):
            names = self.listed(self.quoted)
            segment = child(names[0]) if len(names) == 1 else children(names)
        else:
            segment = self.numbers()
        self.spaces()
        self.need("]")
        return segment

    def listed(self, read: Callable[[], Any]) -> list[Any]:
        """Read one or more things between commas."""
        found = [read()]
        self.spaces()
        while self.take(","):
            self.spaces()
            found.append(read())
            self.spaces()
        return found

    def quoted(self) -> str:
        """Read a quoted string; a backslash escapes the quote and itself, and else stands for itself."""
        quote = self.text[self.position]
        self.position += 1
        read = []
        while not self.peek(quote):
            if self.position >= len(self.text):
                raise self.fail(quote)
            if self.peek("\\" + quote) or self.peek("\\\\"):
                self.position += 1
            read.append(self.text[self.position : self.position + 1])
            self.position += 1
        self.position += 1
        return "".join(read)

    def numbers(self) -> Segment:
        """Read an index, a list of indexes or a slice."""
        start = None if self.peek(":") else int(self.match(_INTEGER, "an index"))
        self.spaces()
        if not self.take(":"):
            if start is None:
                raise self.fail("an index")
            if self.peek(","):
                self.position += 1
                self.spaces()
                return indexes([start, *self.listed(lambda: int(self.match(_INTEGER, "an index")))])
            return index_of(start)
        stop = int(self.match(_INTEGER, "an index")) if _INTEGER.match(self.text, self.position) else None
        step = None
        if self.take(":") and _INTEGER.match(self.text, self.position):
            step = int(self.match(_INTEGER, "a step"))
        return slice_of(slice(start, stop, step))

    def disjunction(self) -> Callable[[Any, Any], bool]:
        """Read filter terms between ``||``."""
        terms = [self.conjunction()]
        while self.take("||"):
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else lambda item, root: any(term(item, root) for term in terms)

    def conjunction(self) -> Callable[[Any, Any], bool]:
        """Read filter terms between ``&&``."""
        terms = [self.negation()]
        while self.take("&&"):
            terms.append(self.negation())
        return terms[0] if len(terms) == 1 else lambda item, root: all(term(item, root) for term in terms)

    def negation(self) -> Callable[[Any, Any], bool]:
        """Read a filter term that may be negated or in parentheses."""
        self.spaces()
        if self.take("!"):
            inner = self.negation()
            return lambda item, root: not inner(item, root)
        if self.take("("):
            grouped = self.disjunction()
            self.need(")")
            self.spaces()
            return grouped
        return self.comparison()

    def comparison(self) -> Callable[[Any, Any], bool]:
        """Read an operand, or two with an operator between."""
        left = self.operand()
        self.spaces()
        operator = _OPERATOR.match(self.text, self.position)
        if not operator:
            return lambda item, root: left(item, root) is not MISSING
        self.position = operator.end()
        self.spaces()
        right = self.regex() if operator.group() == "=~" else self.operand()
        self.spaces()
        compare = _COMPARISONS[operator.group()]
        return lambda item, root: compare(left(item, root), right(item, root))

    def regex(self) -> Callable[[Any, Any], Any]:
        """Read ``/pattern/flags``."""
        self.need("/")
        end = self.text.find("/", self.position)
        if end < 0:
            raise self.fail("/")
        source = self.text[self.position : end]
        self.position = end + 1
        flags = re.IGNORECASE if self.take("i") else 0
        try:
            pattern = re.compile(source, flags)
        except re.error as error:
            raise PathSyntaxError(f"invalid pattern {source!r}: {error}") from error
        return lambda item, root: pattern

    def operand(self) -> Callable[[Any, Any], Any]:
        """Read ``@…``, ``$…`` or a literal."""
        self.spaces()
        if self.take("@"):
            path = Path("@", "input", "", self.segments())
            return lambda item, root: path.read_value(item)
        if self.peek("$"):
            path = self.path()
            return lambda item, root: path.read_value(root)
        literal = self.literal()
        return lambda item, root: literal

    def literal(self) -> Any:
        """Read a JSON literal; strings may be in single quotes."""
        if self.peek("'") or self.peek('"'):
            return self.quoted()
        if self.take("["):
            self.spaces()
            values = [] if self.peek("]") else self.listed(self.literal)
            self.need("]")
            return values
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self.take(word):
                return value
        number = self.match(_NUMBER, "a literal")
        return float(number) if "." in number or "e" in number.lower() else int(number)


def _same(left: Any, right: Any) -> bool:
    if left is MISSING or right is MISSING:
        return left is right
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _ordered(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (left, right))
        strings = isinstance(left, str) and isinstance(right, str)
        return (numbers or strings) and test(left, right)

    return compare


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": lambda a, b: not _same(a, b),
    "<": _ordered(lambda a, b: a < b),
    "<=": _ordered(lambda a, b: a <= b),
    "==": _same,
    "=~": lambda a, b: isinstance(a, str) and b.fullmatch(a) is not None,
    ">": _ordered(lambda a, b: a > b),
    ">=": _ordered(lambda a, b: a >= b),
    "in": lambda a, b: isinstance(b, list) and any(_same(a, item) for item in b),
    "nin": lambda a, b: isinstance(b, list) and not any(_same(a, item) for item in b),
}


@lru_cache(maxsize=4096)
def compile_path(text: str) -> Path:
    """The compiled path of ``text``.

    Raises
    ------
    PathSyntaxError
        When the text is no path, or more follows it.
    """
    parser = Parser(text)
    path = parser.path()
    if parser.position != len(text):
        raise parser.fail("the end of the path")
    return path
