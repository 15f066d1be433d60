"""What the checks of a definition report: AWS's diagnostics, and the commonest of them."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator
from typing import Any, NamedTuple

SCHEMA = "SCHEMA_VALIDATION_FAILED"
MISSING_TARGET = "MISSING_TRANSITION_TARGET"
INVALID_JSON = "INVALID_JSON_DESCRIPTION"
NO_END = "MISSING_END_STATE"
DUPLICATE_LABEL = "DUPLICATE_LABEL_NAME"
DUPLICATE_STATE = "DUPLICATE_STATE_NAME"
DUPLICATE_VARIABLE = "DUPLICATE_VARIABLE_NAME"
INVALID_LABEL = "INVALID_LABEL_NAME"
INVALID_STATE = "INVALID_STATE_NAME"
INVALID_VARIABLE = "INVALID_VARIABLE_NAME"
RESERVED_VARIABLE = "RESERVED_VARIABLE_NAME"
INVALID_JSONATA = "INVALID_JSONATA_EXPRESSION"
UNSUPPORTED_JSONATA = "UNSUPPORTED_JSONATA_EXPRESSION"


class Diagnostic(NamedTuple):
    """One problem of a definition."""

    code: str
    message: str
    location: str | None
    severity: str = "ERROR"

    @property
    def text(self) -> str:
        """As ``CreateStateMachine`` puts it into its error."""
        return f"{self.code}: {self.message} at {self.location or 'null'}"


def required(body: dict[str, Any], fields: tuple[str, ...], location: str) -> Iterator[Diagnostic]:
    """The fields that an object at ``location`` lacks, in one diagnostic."""
    missing = [field for field in fields if field not in body]
    if missing:
        yield Diagnostic(SCHEMA, f"These fields are required: [{', '.join(missing)}]", location or "/")


def filled_list(body: dict[str, Any], field: str, location: str) -> Generator[Diagnostic, None, list[Any]]:
    """That an object at ``location`` has a list in a field, and something in it; returns what is in it."""
    yield from required(body, (field,), location)
    found = body.get(field)
    if isinstance(found, list) and found:
        return found
    if found is not None:
        yield Diagnostic(SCHEMA, "Value cannot be empty", f"{location}/{field}")
    return []


def one_of(body: Container[str], fields: list[str], location: str) -> Iterator[Diagnostic]:
    """That an object at ``location`` has exactly one of the fields."""
    given = sum(field in body for field in fields)
    names = f"of the following fields: [{', '.join(fields)}]"
    if not given:
        yield Diagnostic(SCHEMA, f"This object should have only one {names}", location)
    elif given > 1:
        yield Diagnostic(SCHEMA, f"There should only be one {names}", location)


def foreign_text(field: str, language: str, other: str) -> str:
    """What is said of a field that only the other query language has."""
    only = f"but field '{field}' is only supported for the '{other}' QueryLanguage"
    return f"The QueryLanguage is set to '{language}', {only}"


def listed(body: dict[str, Any], field: str) -> list[Any]:
    """The rules of a state's field (``Choices``, ``Catch``); none where it is not a list."""
    found = body.get(field)
    return found if isinstance(found, list) else []
