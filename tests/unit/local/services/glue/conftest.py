"""A small endpoint for the catalog and the crawler: a real store and bus, Glue itself, and S3 over a folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headwater.local.bodies import FileBody
from headwater.local.bus import Bus
from headwater.local.identity import Credentials, Principal
from headwater.local.service import Call, Service, ServiceError
from headwater.local.services.glue.catalog import CatalogOperations
from headwater.local.services.glue.crawlers import CrawlerOperations
from headwater.local.store import Store

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/crawler"


class Glue(CatalogOperations, CrawlerOperations, Service):
    name = "glue"


class SmallEndpoint:
    """What the Glue service asks of an endpoint."""

    region, account, url = "us-east-1", ACCOUNT, "http://127.0.0.1:0"

    def __init__(self, home: Path) -> None:
        self.home = home
        self.s3_root = home / "s3"
        self.store = Store(home / "headwater.db")
        self.bus = Bus()
        self.denied: set[str] = set()
        self.before_get: Callable[[str], None] = lambda key: None
        self.glue = Glue(self)  # type: ignore[arg-type]

    def principal(self) -> Principal:
        return Principal(arn=f"arn:aws:iam::{ACCOUNT}:root", account=ACCOUNT, user_id=ACCOUNT)

    def assume(self, role_arn: str, session_name: str, *, service: str | None = None) -> Credentials:
        expiration = datetime.now(UTC) + timedelta(hours=1)
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/{session_name}"
        principal = Principal(arn=arn, account=ACCOUNT, user_id="AROA", role_arn=role_arn)
        return Credentials("ASIA", "secret", "token", expiration, principal)

    def call(self, service: str, operation: str, *, principal: Principal | None = None, **members: Any) -> Any:
        if f"{service}:{operation}" in self.denied:
            raise ServiceError("AccessDenied", f"not authorized to perform: {service}:{operation}", 403)
        if service == "s3":
            return getattr(self, operation)(**members)
        call = Call(service, operation, principal or self.principal(), self.region, self.account, "request")
        handler = getattr(self.glue, operation)
        accepted = Glue.accepted_members(operation)
        assert accepted is None or set(members) <= accepted, f"{operation} does not take {set(members) - accepted}"
        return handler(call, **members)

    def list_objects_v2(self, Bucket: str, Prefix: str, ContinuationToken: str = "") -> Any:
        root = self.s3_root / Bucket
        keys = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
        wanted = [key for key in keys if key.startswith(Prefix) and key > ContinuationToken]
        found = {"Contents": [{"Key": key, "Size": (root / key).stat().st_size} for key in wanted[:5]]}
        return found | ({"NextContinuationToken": wanted[4]} if len(wanted) > 5 else {})

    def get_object(self, Bucket: str, Key: str) -> Any:
        self.before_get(Key)
        return {"Body": FileBody(self.s3_root / Bucket / Key)}


class Lake:
    """Writes objects and crawls them."""

    def __init__(self, endpoint: SmallEndpoint) -> None:
        self.endpoint = endpoint

    def put(self, key: str, content: str | bytes) -> None:
        path = self.endpoint.s3_root / "lake" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def glue(self, operation: str, **members: Any) -> Any:
        return self.endpoint.call("glue", operation, **members)

    def crawler(self, name: str = "raw", path: str = "s3://lake/raw/", **members: Any) -> None:
        target = {"Path": path, **members.pop("target", {})}
        defaults = {"Name": name, "Role": ROLE, "DatabaseName": "lake", "Targets": {"S3Targets": [target]}}
        self.glue("create_crawler", **(defaults | members))

    def crawl(self, name: str = "raw") -> Any:
        """Run a crawler to its end; the crawler then."""
        ready = threading.Event()
        unsubscribe = self.endpoint.bus.subscribe(
            "glue.crawler", lambda event: ready.set() if (event["id"], event["status"]) == (name, "READY") else None
        )
        self.glue("start_crawler", Name=name)
        assert ready.wait(30), "the crawl did not end"
        unsubscribe()
        return self.glue("get_crawler", Name=name)["Crawler"]

    def tables(self) -> dict[str, Any]:
        return {table["Name"]: table for table in self.glue("get_tables", DatabaseName="lake")["TableList"]}

    def table(self, name: str) -> Any:
        return self.glue("get_table", DatabaseName="lake", Name=name)["Table"]

    def columns(self, name: str) -> dict[str, str]:
        return {column["Name"]: column["Type"] for column in self.table(name)["StorageDescriptor"]["Columns"]}

    def partitions(self, table: str) -> list[Any]:
        found: list[Any] = self.glue("get_partitions", DatabaseName="lake", TableName=table)["Partitions"]
        return found

    def log(self, name: str = "raw") -> list[str]:
        rows = self.endpoint.store.query(
            "SELECT message FROM log_events WHERE log_group = '/aws-glue/crawlers' AND log_stream = ? ORDER BY id",
            (name,),
        )
        return [row["message"].partition("] ")[2] for row in rows]


@pytest.fixture
def small_endpoint(tmp_path: Path) -> Iterator[SmallEndpoint]:
    endpoint = SmallEndpoint(tmp_path)
    endpoint.glue.start()
    yield endpoint
    endpoint.glue.stop()
    endpoint.store.close()


@pytest.fixture
def lake(small_endpoint: SmallEndpoint) -> Lake:
    lake = Lake(small_endpoint)
    lake.glue("create_database", DatabaseInput={"Name": "lake"})
    return lake
