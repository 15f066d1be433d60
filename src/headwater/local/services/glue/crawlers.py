"""Glue crawlers: definitions, runs on worker threads, history.

A crawler that starts is RUNNING until its thread has written the catalog, then READY with LastCrawl; stopping shows as
STOPPING until the thread notices, which it does between two objects and before anything is written. Each change is
committed, then published as ``glue.crawler``. A crawler that an earlier process left running becomes READY with a
FAILED LastCrawl whose message begins ``Headwater.Interrupted: ``. Its log is the stream of its name in
``/aws-glue/crawlers``, with AWS's lines.

Not faithful to AWS: schedules are recorded and never fire here (start the crawler, or let the workflow do it); there is
no pause in state STOPPING after a run; a missing database is created, which AWS's guides say of the console only.
"""

from __future__ import annotations

import json
import logging
import statistics
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from headwater.local.service import Call, Endpoint, Members, ServiceError, operation
from headwater.local.services.glue.catalog_records import Record, already_exists, not_found, now_s, page, shown, stored
from headwater.local.services.glue.classifiers import ClassifierOperations, rules_of
from headwater.local.services.glue.crawl import LOG_GROUP, Crawl, Outcome
from headwater.local.services.glue.crawler_definition import complete
from headwater.local.services.glue.tags import add_tags, drop_tags, glue_arn, read_tags

CRAWLER = "glue.crawler"
CRAWL = "glue.crawl"
TOPIC = "glue.crawler"
DEFINITION = (
    "Classifiers",
    "Configuration",
    "CrawlerSecurityConfiguration",
    "DatabaseName",
    "Description",
    "LakeFormationConfiguration",
    "LineageConfiguration",
    "Name",
    "RecrawlPolicy",
    "Role",
    "SchemaChangePolicy",
    "TablePrefix",
    "Targets",
)
HISTORY_STATES = {"CANCELLED": "STOPPED", "FAILED": "FAILED", "SUCCEEDED": "COMPLETED"}
INTERRUPTED = "Headwater.Interrupted: the endpoint ended while the crawler ran; start the crawler again"
STOP_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class CrawlerOperations(ClassifierOperations):
    """Crawlers over S3 targets."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._crawls: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._ending = False

    def start(self) -> None:
        """Mark what an earlier process left running as interrupted."""
        super().start()
        for name, record in self.store.scan(CRAWLER):
            if record["State"] != "READY" and name not in self._crawls:
                self._finish(name, record["_run"], Outcome("FAILED", INTERRUPTED))

    def stop(self) -> None:
        """Stop the crawls of this process; the next start finds them interrupted."""
        super().stop()
        self._ending = True
        crawls = list(self._crawls.values())
        for _, stopping in crawls:
            stopping.set()
        for thread, _ in crawls:
            thread.join(STOP_TIMEOUT_S)

    @operation
    def create_crawler(self, call: Call, Tags: dict[str, str] | None = None, **members: Any) -> Members:
        """Make a crawler; AlreadyExistsException when there is one of that name."""
        record = _definition(call, members)
        self._check_classifiers(record)
        times = {"CreationTime": now_s(), "LastUpdated": now_s(), "Version": 1, "State": "READY"}
        with self.store.transaction():
            if self.store.get(CRAWLER, record["Name"]) is not None:
                raise already_exists(f"Crawler with name {record['Name']}")
            self.store.put(CRAWLER, record["Name"], record | times)
            add_tags(self.store, glue_arn(call, f"crawler/{record['Name']}"), Tags)
        return {}

    @operation
    def update_crawler(self, call: Call, **members: Any) -> Members:
        """Change the given members of a crawler that is not running."""
        with self.store.transaction():
            old = self._idle_crawler(members["Name"])
            kept = {name: old[name] for name in (*DEFINITION, "Schedule") if name in old}
            given = {name: value for name, value in members.items() if value is not None}
            record = _definition(call, kept | given)
            self._check_classifiers(record)
            history = {name: old[name] for name in ("CreationTime", "LastCrawl", "State") if name in old}
            times = {"LastUpdated": now_s(), "Version": old["Version"] + 1}
            self.store.put(CRAWLER, record["Name"], record | history | times)
        return {}

    @operation
    def delete_crawler(self, call: Call, Name: str) -> Members:
        """Delete a crawler that is not running; the tables it made stay."""
        with self.store.transaction():
            self._idle_crawler(Name)
            for key, _ in self.store.scan(CRAWL, f"{Name}\n"):
                self.store.delete(CRAWL, key)
            self.store.delete(CRAWLER, Name)
            drop_tags(self.store, glue_arn(call, f"crawler/{Name}"))
        return {}

    @operation
    def get_crawler(self, call: Call, Name: str) -> Members:
        """One crawler, with its state and its last crawl."""
        return {"Crawler": _shown(self._crawler(Name))}

    @operation
    def get_crawlers(self, call: Call, MaxResults: int = 100, NextToken: str | None = None) -> Members:
        """The crawlers by name, a page at a time."""
        answered, token = page(self.store.scan(CRAWLER), lambda row: row[0], MaxResults, NextToken)
        found: Members = {"Crawlers": [_shown(record) for _, record in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def batch_get_crawlers(self, call: Call, CrawlerNames: list[str]) -> Members:
        """Several crawlers; the names that are not there are in ``CrawlersNotFound``."""
        found = {name: self.store.get(CRAWLER, name) for name in CrawlerNames}
        return {
            "Crawlers": [_shown(record) for record in found.values() if record is not None],
            "CrawlersNotFound": [name for name, record in found.items() if record is None],
        }

    @operation
    def list_crawlers(
        self, call: Call, MaxResults: int = 100, NextToken: str | None = None, Tags: dict[str, str] | None = None
    ) -> Members:
        """The crawlers' names, of those that have all the given tags."""
        names = [
            name
            for name, _ in self.store.scan(CRAWLER)
            if not Tags or Tags.items() <= read_tags(self.store, glue_arn(call, f"crawler/{name}")).items()
        ]
        answered, token = page(names, str, MaxResults, NextToken)
        found: Members = {"CrawlerNames": answered}
        return found | ({"NextToken": token} if token else {})

    @operation
    def start_crawler(self, call: Call, Name: str) -> Members:
        """Start a crawl; CrawlerRunningException when one is under way."""
        run = {"id": str(uuid.uuid4()), "start_s": time.time()}
        with self.store.transaction():
            record = self._crawler(Name)
            if record["State"] != "READY":
                raise ServiceError("CrawlerRunningException", f"Crawler with name {Name} has already started")
            record |= {"State": "RUNNING", "_run": run}
            self.store.put(CRAWLER, Name, record)
            self._keep_crawl(Name, run, {"State": "RUNNING"})
            stopping = threading.Event()
            thread = threading.Thread(
                target=self._crawl, args=(record, run, stopping), name=f"glue-crawler-{Name}", daemon=True
            )
            self._crawls[Name] = (thread, stopping)
        self.endpoint.bus.publish(TOPIC, Name, "RUNNING")
        thread.start()
        return {}

    @operation
    def stop_crawler(self, call: Call, Name: str) -> Members:
        """Stop a running crawl."""
        with self.store.transaction():
            record = self._crawler(Name)
            if record["State"] == "READY":
                raise ServiceError("CrawlerNotRunningException", f"Crawler with name {Name} isn't running")
            if record["State"] == "STOPPING":
                raise ServiceError("CrawlerStoppingException", f"Crawler with name {Name} is stopping")
            self.store.put(CRAWLER, Name, record | {"State": "STOPPING"})
        self.endpoint.bus.publish(TOPIC, Name, "STOPPING")
        if Name in self._crawls:
            self._crawls[Name][1].set()
        return {}

    @operation
    def list_crawls(self, call: Call, CrawlerName: str, MaxResults: int = 20, NextToken: str | None = None) -> Members:
        """A crawler's crawls, the newest first, a page at a time (filters are not supported)."""
        self._crawler(CrawlerName)
        rows = [
            (f"{999999 - n:06}", record) for n, (_, record) in enumerate(self.store.scan(CRAWL, f"{CrawlerName}\n"))
        ]
        answered, token = page(rows[::-1], lambda row: row[0], MaxResults, NextToken)
        found: Members = {"Crawls": [_shown_crawl(record) for _, record in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def get_crawler_metrics(
        self,
        call: Call,
        CrawlerNameList: list[str] | None = None,
        MaxResults: int = 100,
        NextToken: str | None = None,
    ) -> Members:
        """How long crawlers took and how many tables they made, changed and deleted in all."""
        names = [name for name, _ in self.store.scan(CRAWLER) if not CrawlerNameList or name in CrawlerNameList]
        answered, token = page(names, str, MaxResults, NextToken)
        found: Members = {"CrawlerMetricsList": [self._metrics(name) for name in answered]}
        return found | ({"NextToken": token} if token else {})

    @operation
    def start_crawler_schedule(self, call: Call, CrawlerName: str) -> Members:
        """Record that the schedule is on."""
        return self._set_schedule(CrawlerName, "SCHEDULED")

    @operation
    def stop_crawler_schedule(self, call: Call, CrawlerName: str) -> Members:
        """Record that the schedule is off."""
        return self._set_schedule(CrawlerName, "NOT_SCHEDULED")

    @operation
    def update_crawler_schedule(self, call: Call, CrawlerName: str, Schedule: str | None = None) -> Members:
        """Record another schedule; none when it is empty."""
        with self.store.transaction():
            record = self._crawler(CrawlerName)
            record.pop("Schedule", None)
            if Schedule:
                record["Schedule"] = {"ScheduleExpression": Schedule, "State": "SCHEDULED"}
            self.store.put(CRAWLER, CrawlerName, record)
        return {}

    def _crawler(self, name: str) -> Record:
        record = self.store.get(CRAWLER, name)
        if record is None:
            raise not_found(f"Crawler entry with name {name} does not exist")
        return record

    def _idle_crawler(self, name: str) -> Record:
        record = self._crawler(name)
        if record["State"] != "READY":
            raise ServiceError("CrawlerRunningException", f"Crawler with name {name} is running")
        return record

    def _check_classifiers(self, record: Record) -> None:
        for name in record["Classifiers"]:
            self.classifier(name)

    def _set_schedule(self, name: str, state: str) -> Members:
        with self.store.transaction():
            record = self._crawler(name)
            if "Schedule" not in record:
                raise ServiceError("NoScheduleException", f"Crawler with name {name} has no schedule")
            record["Schedule"]["State"] = state
            self.store.put(CRAWLER, name, record)
        return {}

    def _crawl(self, record: Record, run: Record, stopping: threading.Event) -> None:
        """The crawl's thread."""
        name = record["Name"]
        try:
            outcome = self._run(record, run, stopping)
            self._crawls.pop(name, None)
            if not (self._ending and outcome.status == "CANCELLED"):
                self._finish(name, run, outcome)
        except Exception:  # the store itself failed: the next start finds the crawl interrupted
            log.exception("crawler %s could not be finished", name)

    def _run(self, record: Record, run: Record, stopping: threading.Event) -> Outcome:
        try:
            rules = [rules_of(self.classifier(name)) for name in record["Classifiers"]]
        except ServiceError as error:
            return Outcome("FAILED", f"{error.message} ({error.code})")
        return Crawl(self.endpoint, record, run["id"], stopping, rules).run()

    def _finish(self, name: str, run: Record, outcome: Outcome) -> None:
        last = {
            "Status": outcome.status,
            "LogGroup": LOG_GROUP,
            "LogStream": name,
            "MessagePrefix": run["id"],
            "StartTime": run["start_s"],
        }
        if outcome.error:
            last["ErrorMessage"] = outcome.error
        with self.store.transaction():
            record = self._crawler(name)
            record.pop("_run", None)
            self.store.put(CRAWLER, name, record | {"State": "READY", "LastCrawl": last})
            state = {"State": HISTORY_STATES[outcome.status], "EndTime": time.time(), "Changes": outcome.changes}
            self._keep_crawl(name, run, state | ({"ErrorMessage": outcome.error} if outcome.error else {}))
        self.endpoint.bus.publish(TOPIC, name, "READY", last_crawl=outcome.status)

    def _keep_crawl(self, name: str, run: Record, state: Record) -> None:
        key = f"{name}\n{int(run['start_s'] * 1000):015}{run['id']}"
        self.store.put(CRAWL, key, {"CrawlId": run["id"], "CrawlerName": name, "StartTime": run["start_s"], **state})

    def _metrics(self, name: str) -> Members:
        crawls = [record for _, record in self.store.scan(CRAWL, f"{name}\n") if "EndTime" in record]
        seconds = [record["EndTime"] - record["StartTime"] for record in crawls]

        def total(change: str) -> int:
            return sum(record.get("Changes", {}).get("TABLE", {}).get(change, 0) for record in crawls)

        return {
            "CrawlerName": name,
            "LastRuntimeSeconds": seconds[-1] if seconds else 0.0,
            "MedianRuntimeSeconds": statistics.median(seconds) if seconds else 0.0,
            "StillEstimating": False,
            "TablesCreated": total("ADD"),
            "TablesDeleted": total("DELETE"),
            "TablesUpdated": total("UPDATE"),
            "TimeLeftSeconds": 0.0,
        }


def _definition(call: Call, members: Members) -> Record:
    """The record of a definition; members it does not know are refused."""
    catalog = members.pop("CatalogId", None)
    if catalog not in (None, call.account):
        raise not_found(f"Catalog {catalog} not found: the only catalog here is {call.account}")
    schedule = members.pop("Schedule", None)
    if unknown := sorted(set(members) - set(DEFINITION)):
        raise ServiceError("InvalidInputException", f"Crawler members {unknown} are not supported here")
    record: Record = complete(stored(members))
    if schedule:
        known = isinstance(schedule, dict)
        record["Schedule"] = schedule if known else {"ScheduleExpression": schedule, "State": "SCHEDULED"}
    return record


def _shown(record: Record) -> Members:
    elapsed_ms = int((time.time() - record["_run"]["start_s"]) * 1000) if "_run" in record else 0
    members = shown(record) | {"CrawlElapsedTime": elapsed_ms}
    if "LastCrawl" in members:
        members["LastCrawl"] = shown(members["LastCrawl"])
    return members


def _shown_crawl(record: Record) -> Members:
    members = {name: record[name] for name in ("CrawlId", "ErrorMessage", "State") if name in record}
    times = {n: datetime.fromtimestamp(record[n], UTC) for n in ("EndTime", "StartTime") if n in record}
    where = {"LogGroup": LOG_GROUP, "LogStream": record["CrawlerName"], "MessagePrefix": record["CrawlId"]}
    summary = {"Summary": json.dumps(record["Changes"])} if record.get("Changes") else {}
    return members | times | where | summary
