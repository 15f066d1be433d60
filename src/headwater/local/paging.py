"""Pages of a list whose tokens are positions, for services whose NextToken is opaque on AWS."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from typing import Any

from headwater.local.service import Members, ServiceError


def page(items: list[Any], size: int, given: str | None, refused: ServiceError) -> tuple[list[Any], Members]:
    """One page of a list, and its NextToken if there is more; ``refused`` is raised for a token that is none."""
    start = position(given, refused)
    more = {"NextToken": token(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more


def position(given: str | None, refused: ServiceError) -> int:
    """Where the page of a token begins; ``refused`` is raised for one that is none."""
    try:
        return int(b64decode(given, altchars=b"-_", validate=True)) if given else 0
    except ValueError as error:
        raise refused from error


def token(start: int) -> str:
    """The token of the page that begins there."""
    return urlsafe_b64encode(str(start).encode()).decode()
