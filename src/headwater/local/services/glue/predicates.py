"""Partition expressions: the SQL-like filter of ``GetPartitions``, parsed and evaluated by type.

The grammar is small and closed (Glue API reference, GetPartitions, 2023-06): ``=  <>  !=  >  <  >=  <=  LIKE  IN
BETWEEN  IS NULL`` on partition keys, joined by ``AND``, ``OR``, ``NOT`` and brackets. Values are compared by the type
that the table declares for the key, so 10 follows 9 in an ``int`` key and precedes it in a ``string`` key. Key names
are case-insensitive. ``__HIVE_DEFAULT_PARTITION__`` is NULL, and NULL follows SQL's three-valued logic.

An expression that cannot be read or has a wrong type is refused; taking it for "everything" would be a fake answer.

Not proven against AWS: an unquoted number compared with a ``string`` key is compared by its text, and a literal may
stand on the left (``1 = month``).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from headwater.local.service import ServiceError

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"

Values = Sequence[str]
Ternary = bool | None
Test = Callable[[Values], Ternary]
Token = tuple[str, str]

TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?![\w.]))
    | (?P<operator><>|!=|<=|>=|=|<|>|\(|\)|,)
    | (?P<name>`[^`]+`|[A-Za-z_][\w]*)
    )""",
    re.VERBOSE,
)
KEYWORDS = frozenset({"and", "between", "in", "is", "like", "not", "null", "or"})
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    "<>": operator.ne,
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
INTEGRAL = frozenset({"bigint", "int", "integer", "long", "smallint", "tinyint"})
TEXTUAL = frozenset({"char", "string", "varchar"})
MAX_DEPTH = 100


def compile_expression(expression: str, keys: Sequence[tuple[str, str]]) -> Callable[[Values], bool]:
    """A test of a partition's values.

    Parameters
    ----------
    expression:
        Such as ``year = '2013' AND month IN (1, 2)``.
    keys:
        (name, Hive type) of the table's partition keys, in order.

    Returns
    -------
    A function of the partition's values, in the order of ``keys``; it raises InvalidStateException when a value is not
    of its key's type.

    Raises
    ------
    ServiceError
        InvalidInputException: the expression cannot be read, names no partition key, or has a wrong type.
    """
    test = _Parser(expression, keys).parse()
    return lambda values: test(values) is True


class _Parser:
    def __init__(self, expression: str, keys: Sequence[tuple[str, str]]) -> None:
        self.expression = expression
        self.keys = {name.lower(): (position, kind.lower()) for position, (name, kind) in enumerate(keys)}
        self.tokens = self._tokenize()
        self.position = 0
        self.depth = 0

    def _tokenize(self) -> list[Token]:
        tokens: list[Token] = []
        position, text = 0, self.expression.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None:
                raise self._unsupported()
            kind, value = match.lastgroup or "", match.group(match.lastgroup or 0)
            if kind == "name" and value.lower() in KEYWORDS:
                kind, value = "keyword", value.lower()
            tokens.append((kind, value))
            position = match.end()
        return tokens

    def _unsupported(self) -> ServiceError:
        return ServiceError("InvalidInputException", f"Unsupported expression '{self.expression}'")

    def _peek(self) -> Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else ("end", "")

    def _take(self) -> Token:
        token = self._peek()
        self.position += 1
        return token

    def _accept(self, *values: str) -> bool:
        kind, value = self._peek()
        if kind in ("keyword", "operator") and value in values:
            self.position += 1
            return True
        return False

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            raise self._unsupported()

    def parse(self) -> Test:
        test = self._or()
        if self._peek()[0] != "end":
            raise self._unsupported()
        return test

    def _or(self) -> Test:
        tests = [self._and()]
        while self._accept("or"):
            tests.append(self._and())
        return tests[0] if len(tests) == 1 else lambda values: _any(test(values) for test in tests)

    def _and(self) -> Test:
        tests = [self._not()]
        while self._accept("and"):
            tests.append(self._not())
        return tests[0] if len(tests) == 1 else lambda values: _all(test(values) for test in tests)

    def _not(self) -> Test:
        negated = False
        while self._accept("not"):
            negated = not negated
        test = self._primary()
        return _negate(test) if negated else test

    def _primary(self) -> Test:
        if not self._accept("("):
            return self._comparison()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._unsupported()
        test = self._or()
        self._expect(")")
        self.depth -= 1
        return test

    def _comparison(self) -> Test:
        kind, value = self._peek()
        if kind in ("string", "number"):
            self._take()
            sign = self._comparison_sign()
            key = self._key()
            return key.compare(MIRRORED.get(sign, sign), _literal(kind, value))
        key = self._key()
        if self._accept("is"):
            negated = self._accept("not")
            self._expect("null")
            return (lambda values: not key.is_null(values)) if negated else key.is_null
        negated = self._accept("not")
        if self._accept("in"):
            test = key.among(self._literals())
        elif self._accept("between"):
            low = self._literal()
            self._expect("and")
            test = key.between(low, self._literal())
        elif self._accept("like"):
            test = key.like(self._literal())
        elif negated:
            raise self._unsupported()
        else:
            return key.compare(self._comparison_sign(), self._literal())
        return _negate(test) if negated else test

    def _comparison_sign(self) -> str:
        kind, value = self._take()
        if kind != "operator" or value not in COMPARISONS:
            raise self._unsupported()
        return value

    def _key(self) -> _Key:
        kind, value = self._take()
        if kind != "name":
            raise self._unsupported()
        name = value.strip("`").lower()
        if name not in self.keys:
            raise ServiceError("InvalidInputException", "Invalid partition expression!")
        return _Key(*self.keys[name])

    def _literal(self) -> str:
        kind, value = self._take()
        if kind not in ("string", "number"):
            raise self._unsupported()
        return _literal(kind, value)

    def _literals(self) -> list[str]:
        self._expect("(")
        found = [self._literal()]
        while self._accept(","):
            found.append(self._literal())
        self._expect(")")
        return found


class _Key:
    """A partition key in an expression: where its value is, and what type it has."""

    def __init__(self, position: int, kind: str) -> None:
        self.position = position
        self.kind = kind
        self.base = re.split(r"[^a-z]", kind, maxsplit=1)[0]
        if self.base not in INTEGRAL | TEXTUAL | {"date", "decimal", "timestamp"}:
            raise ServiceError("InvalidInputException", f"Unknown type : '{kind}'")

    def cast(self, text: str, code: str) -> Any:
        """The text as a value of the key's type; ``code`` is the error when it is none."""
        try:
            return CASTS.get(self.base, str if self.base in TEXTUAL else _integer)(text)
        except (ValueError, InvalidOperation):
            raise ServiceError(code, REFUSALS.get(self.base, '"{}" is not an integer.').format(text)) from None

    def literal(self, text: str) -> Any:
        return self.cast(text, "InvalidInputException")

    def value(self, values: Values) -> Any:
        text = values[self.position]
        return None if text == NULL_PARTITION else self.cast(text, "InvalidStateException")

    def is_null(self, values: Values) -> Ternary:
        return values[self.position] == NULL_PARTITION

    def compare(self, sign: str, text: str) -> Test:
        expected, compares = self.literal(text), COMPARISONS[sign]

        def test(values: Values) -> Ternary:
            value = self.value(values)
            return None if value is None else compares(value, expected)

        return test

    def among(self, texts: Sequence[str]) -> Test:
        expected = [self.literal(text) for text in texts]

        def test(values: Values) -> Ternary:
            value = self.value(values)
            return None if value is None else value in expected

        return test

    def between(self, low: str, high: str) -> Test:
        least, most = self.literal(low), self.literal(high)

        def test(values: Values) -> Ternary:
            value = self.value(values)
            return None if value is None else bool(least <= value <= most)

        return test

    def like(self, pattern: str) -> Test:
        if self.base not in TEXTUAL:
            name = "Integral" if self.base in INTEGRAL else self.base.capitalize()
            raise ServiceError("InvalidInputException", f"{name} data type doesn't support operation 'LIKE'")
        compiled = re.compile(_like_pattern(pattern), re.DOTALL)

        def test(values: Values) -> Ternary:
            value = self.value(values)
            return None if value is None else compiled.fullmatch(value) is not None

        return test


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,40}", text):  # int() also takes 1_000 and other scripts' digits
        raise ValueError(text)
    return int(text)


def _timestamp(text: str) -> tuple[datetime, str]:
    match = re.fullmatch(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?", text)
    if match is None:
        raise ValueError(text)
    # The fraction stays text, padded to nanoseconds, which datetime cannot hold.
    return datetime.strptime(match.group(1), "%Y-%m-%d %H:%M:%S"), (match.group(2) or "").ljust(9, "0")


def _date(text: str) -> date:
    return datetime.strptime(text, "%Y-%m-%d").date()


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or "_" in text:
        raise ValueError(text)
    return value


CASTS: dict[str, Callable[[str], Any]] = {"date": _date, "decimal": _decimal, "timestamp": _timestamp}
REFUSALS = {
    "date": "{} is not a date.",
    "decimal": "{} is not a decimal.",
    "timestamp": "Timestamp format must be yyyy-mm-dd hh:mm:ss[.fffffffff] {} is not a timestamp.",
}


def _literal(kind: str, text: str) -> str:
    if kind == "number":
        return text
    quote = text[0]
    return re.sub(r"\\(['\"])", r"\1", text[1:-1].replace(quote * 2, quote))


def _like_pattern(pattern: str) -> str:
    parts, escaped = [], False
    for character in pattern:
        if escaped or character not in "%_\\":
            parts.append(re.escape(character))
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            parts.append(".*" if character == "%" else ".")
    return "".join(parts)


def _negate(test: Test) -> Test:
    def negated(values: Values) -> Ternary:
        found = test(values)
        return None if found is None else not found

    return negated


def _all(found: Any) -> Ternary:
    answer: Ternary = True
    for one in found:
        if one is False:
            return False
        answer = None if one is None else answer
    return answer


def _any(found: Any) -> Ternary:
    answer: Ternary = False
    for one in found:
        if one is True:
            return True
        answer = None if one is None else answer
    return answer
