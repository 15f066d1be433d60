"""How the Data Catalog is kept: databases and tables as records, versions and partitions in tables of their own.

Names are folded to lower case, as Glue does for Hive's sake. Times are epoch seconds in the store and datetimes in
responses. A table's versions are numbered from 0; each update archives the one before, unless SkipArchive.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from headwater.local.service import ServiceError

Record = dict[str, Any]
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS glue_partitions (
    database_name TEXT NOT NULL, table_name TEXT NOT NULL, partition_values TEXT NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (database_name, table_name, partition_values)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS glue_table_versions (
    database_name TEXT NOT NULL, table_name TEXT NOT NULL, version INTEGER NOT NULL, record TEXT NOT NULL,
    PRIMARY KEY (database_name, table_name, version)
) WITHOUT ROWID;
"""
DATABASE = "glue.database"
TABLE = "glue.table"
TIMES = frozenset(
    {"CreateTime", "CreationTime", "LastAccessTime", "LastAnalyzedTime", "LastUpdated", "StartTime", "UpdateTime"}
)


def table_key(database: str, table: str) -> str:
    """The key of a table's record: names cannot hold a line break."""
    return f"{database.lower()}\n{table.lower()}"


def now_s() -> float:
    """Seconds since the epoch, to the second, as Glue answers."""
    return float(int(time.time()))


def stored(value: Any) -> Any:
    """Request members as JSON: datetimes as epoch seconds."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, dict):
        return {key: stored(member) for key, member in value.items()}
    return [stored(member) for member in value] if isinstance(value, (list, tuple)) else value


def shown(record: Record) -> Record:
    """A record as response members: its times as datetimes, private members (``_…``) left out."""
    return {
        name: datetime.fromtimestamp(value, UTC) if name in TIMES and isinstance(value, (int, float)) else value
        for name, value in record.items()
        if not name.startswith("_") and value is not None
    }


def values_key(values: Sequence[str]) -> str:
    """A partition's values as a key."""
    return json.dumps(list(values), ensure_ascii=False)


def not_found(message: str) -> ServiceError:
    return ServiceError("EntityNotFoundException", message)


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidInputException", message)


def already_exists(what: str) -> ServiceError:
    return ServiceError("AlreadyExistsException", f"{what} already exists.")


def encode_token(last: str) -> str:
    """A paging token: the last key answered. It stays valid when rows come and go."""
    return urlsafe_b64encode(last.encode()).decode()


def decode_token(token: str) -> str:
    """The key in a paging token; InvalidInputException when it is none of ours."""
    try:
        return b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise invalid(f"The NextToken {token!r} is not valid: it was not answered by this operation") from error


def page(rows: Sequence[T], key: Callable[[T], str], limit: int, token: str | None) -> tuple[list[T], str | None]:
    """One page of ``rows``, which are in the order of ``key``, and the token of the next or None."""
    after = decode_token(token) if token else None
    left = [row for row in rows if after is None or key(row) > after]
    answered = left[:limit]
    more = len(left) > limit
    return answered, encode_token(key(answered[-1])) if more and answered else None
