"""CloudWatch Logs filter patterns: terms, JSON selectors and space-delimited fields, compiled to a test of a message.

Source: CloudWatch Logs user guide, "Filter pattern syntax" (2025). Unstructured: ``ERROR``, ``"exact phrase"``,
``-exclude``, ``?either ?or``, ``%regex%``; all terms must match. JSON: ``{ $.level = "ERROR" && $.ms > 100 }`` with
``= != < > <= >=``, ``IS NULL``, ``IS TRUE``, ``IS FALSE``, ``NOT EXISTS``, ``%regex%``, ``*`` in strings, ``&&``,
``||`` and brackets. Fields: ``[ip, ..., status = 4*, bytes > 1000]``. Everything is case-sensitive. ``?`` terms beside
others are ignored, as on AWS.

Not faithful to AWS: IP ranges are refused by name, and a term is found anywhere in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from headwater.local.services.logs.field_tests import Test, bad_pattern, regex_test
from headwater.local.services.logs.json_pattern import JsonPattern
from headwater.local.services.logs.space_pattern import SpacePattern

TERM = re.compile(r'\s*([?-]?)\s*(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|([^\s"]+))')


@dataclass(frozen=True)
class Pattern:
    """A pattern that was read.

    Attributes
    ----------
    matches:
        Tests a message.
    values:
        The fields of a message that matches, as text, by ``$.selector`` or ``$name``.
    regexes:
        How many regular expressions it has.
    fields:
        What it names, as ``values`` does: selectors, or names of fields.
    structured:
        Whether it is of JSON or of fields, rather than of terms.
    counts_places:
        Whether fields without a name are known by their place, ``$3``.
    """

    matches: Test
    values: Callable[[str], dict[str, str]]
    regexes: int = 0
    fields: tuple[str, ...] = ()
    structured: bool = False
    counts_places: bool = False


def compile_pattern(pattern: str | None) -> Test:
    """A test of messages; see :func:`read_pattern`."""
    return read_pattern(pattern).matches


def read_pattern(pattern: str | None) -> Pattern:
    """Read a pattern.

    Raises
    ------
    ServiceError
        InvalidParameterException: the pattern cannot be read, or is of a kind that is not supported.
    """
    text = (pattern or "").strip()
    if text.startswith("{"):
        selecting = JsonPattern(text)
        return Pattern(selecting.matches, selecting.values, selecting.regexes, selecting.selectors, structured=True)
    if text.startswith("["):
        spaced = SpacePattern(text)
        return Pattern(spaced.matches, spaced.values, spaced.regexes, spaced.names, True, spaced.counts_places)
    test, regexes = _compile_terms(text) if text else (lambda message: True, 0)
    return Pattern(test, lambda message: {}, regexes)


def _compile_terms(text: str) -> tuple[Test, int]:
    regexes = 0
    required: list[Test] = []
    optional: list[Test] = []
    position = 0
    while position < len(text):
        match = TERM.match(text, position)
        if match is None:
            raise bad_pattern(f"Invalid filter pattern: {text}")
        position = match.end()
        sign, phrase, expression, word = match.groups()
        regexes += expression is not None
        test = regex_test(expression) if expression is not None else _contains(_term(phrase, word))
        if sign == "?":
            optional.append(test)
        else:
            required.append(_negated(test) if sign == "-" else test)
    if required:  # "If you combine ? with other filter patterns, all question mark terms will be ignored"
        return (lambda message: all(test(message) for test in required)), regexes
    return (lambda message: any(test(message) for test in optional)), regexes


def _term(phrase: str | None, word: str) -> str:
    if phrase is not None:
        return re.sub(r"\\(.)", r"\1", phrase)
    if wrong := re.search(r"[^\w]", word):
        raise bad_pattern(f"Invalid character(s) in term '{wrong.group()}'")
    return word


def _contains(term: str) -> Test:
    return lambda message: term in message


def _negated(test: Test) -> Test:
    return lambda message: not test(message)
