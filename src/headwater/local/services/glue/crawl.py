"""One run of a crawler: scan its targets, group, write the catalog, log as AWS's crawler logs.

Everything is read and grouped before anything is written, so a crawl that fails, is stopped or exceeds its
TableThreshold leaves the catalog as it was. S3 and the catalog are called as the crawler's role.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from headwater.local.service import Endpoint, ServiceError
from headwater.local.services.glue.crawl_scan import Stopped, Target, list_objects, sample_objects
from headwater.local.services.glue.crawl_write import CatalogWriter, Changes
from headwater.local.services.glue.crawler_definition import CrawlPlan, plan
from headwater.local.services.glue.csv_dialect import CsvRules
from headwater.local.services.glue.grouping import (
    CrawledFile,
    FoundTable,
    group_at_level,
    group_tables,
    most_compatible,
)

LOG_GROUP = "/aws-glue/crawlers"
DEFAULT_DATABASE = "default"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a crawl ended: AWS's LastCrawl status, the error, and the changes by kind."""

    status: str
    error: str = ""
    changes: dict[str, dict[str, int]] = field(default_factory=dict)


class Crawl:
    """One crawl.

    Parameters
    ----------
    endpoint:
        Where to call S3 and Glue.
    record:
        The crawler's record.
    run_id:
        The crawl's id, which begins its log lines.
    stopping:
        Set to stop the crawl.
    classifiers:
        The rules of the crawler's custom classifiers, in their order.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        record: dict[str, Any],
        run_id: str,
        stopping: threading.Event,
        classifiers: Sequence[CsvRules] = (),
    ) -> None:
        self.classifiers = classifiers
        self.endpoint = endpoint
        self.record = record
        self.name: str = record["Name"]
        self.database: str = record.get("DatabaseName") or DEFAULT_DATABASE
        self.run_id = run_id
        self.stopping = stopping

    def run(self) -> Outcome:
        """Crawl. Every failure is an outcome; nothing is raised."""
        self._log("BENCHMARK", f"Running Start Crawl for Crawler {self.name}")
        try:
            changes = self._crawl()
            outcome = Outcome("SUCCEEDED", changes=_by_kind(changes.counts))
        except Stopped:
            outcome = Outcome("CANCELLED")
            self._log("INFO", "Crawler was stopped; nothing was written to the catalog")
        except ServiceError as error:
            outcome = Outcome("FAILED", f"{error.message} ({error.code})")
        except Exception as error:
            log.exception("crawler %s failed", self.name)
            outcome = Outcome("FAILED", f"Internal Service Exception: {type(error).__name__}: {error}")
        if outcome.error:
            self._log("ERROR", outcome.error)
        self._log("BENCHMARK", "Crawler has finished running and is in state READY")
        return outcome

    def _crawl(self) -> Changes:
        crawl_plan = plan(self.record)
        session = f"AWS-Crawler-{self.name}"[:64]
        principal = self.endpoint.assume(self._role_arn(), session, service="glue.amazonaws.com").principal
        s3 = partial(self.endpoint.call, "s3", principal=principal)
        glue = partial(self.endpoint.call, "glue", principal=principal)
        found = [(target, self._find_tables(s3, crawl_plan, target)) for target in crawl_plan.targets]
        self._check_threshold(crawl_plan, sum(len(tables) for _, tables in found))
        self._log("BENCHMARK", f"Classification complete, writing results to database {self.database}")
        self._log_policy()
        self._ensure_database(glue)
        table_prefix = self.record.get("TablePrefix") or ""
        writer = CatalogWriter(glue, self.name, self.run_id, self.database, table_prefix, crawl_plan.policy, self._log)
        for target, tables in found:
            for table in tables:
                writer.write(target.bucket, table)
        if not crawl_plan.policy.new_only:
            writer.finish([target.location(target.prefix) for target in crawl_plan.targets])
        self._log("BENCHMARK", "Finished writing to Catalog")
        self._log_summary(writer.changes)
        return writer.changes

    def _role_arn(self) -> str:
        role: str = self.record["Role"]
        return role if role.startswith("arn:") else f"arn:aws:iam::{self.endpoint.account}:role/{role}"

    def _find_tables(self, s3: Any, crawl_plan: CrawlPlan, target: Target) -> list[FoundTable]:
        objects = list(list_objects(s3, target))
        files = sample_objects(s3, target, objects, self.stopping.is_set, self.classifiers)
        if not files:
            self._log("WARN", f"No objects to crawl at {target.location(target.prefix)}")
        for file in files:
            self._log_problem(target, file)
        if crawl_plan.table_level is not None:
            tables = group_at_level(target.bucket, files, crawl_plan.table_level)
            for table in tables:
                self._log_mixture(target, table)
            taken = {file.key for table in tables for file in table.files}
            left = [target.location(file.key) for file in files if file.key not in taken]
            if left:
                self._log("WARN", f"{len(left)} objects are in no table, being too high or too deep: {_few(left)}")
            return tables
        single = len(files) == 1 and files[0].key == target.prefix
        prefix = target.prefix if single else target.folder
        return group_tables(target.bucket, prefix, files, combine=crawl_plan.combine)

    def _log_problem(self, target: Target, file: CrawledFile) -> None:
        if file.schema.problem:
            where = target.location(file.key)
            self._log("WARN", f"Classification of {where} is UNKNOWN: {file.schema.problem}")

    def _log_mixture(self, target: Target, table: FoundTable) -> None:
        kept = {file.key for file in most_compatible(table.files)}
        others = [target.location(file.key) for file in table.files if file.key not in kept]
        if others:
            where = target.location(table.prefix)
            self._log("WARN", f"{len(others)} objects at {where} differ in format from the others: {_few(others)}")

    def _check_threshold(self, crawl_plan: CrawlPlan, tables: int) -> None:
        threshold = crawl_plan.table_threshold
        if threshold is not None and tables > threshold:
            raise ServiceError(
                "InvalidInputException",
                f"The number of tables detected by the crawler: {tables} is greater than the table threshold value "
                f"provided: {threshold}. No tables were written to the Data Catalog",
            )

    def _ensure_database(self, glue: Any) -> None:
        try:
            glue("get_database", Name=self.database)
        except ServiceError as error:
            if error.code != "EntityNotFoundException":
                raise
            glue("create_database", DatabaseInput={"Name": self.database})
            self._log("INFO", f"Created database {self.database}")

    def _log(self, level: str, message: str) -> None:
        self.endpoint.store.append_logs(
            LOG_GROUP, self.name, [(int(time.time() * 1000), f"[{self.run_id}] {level} : {message}")]
        )

    def _log_policy(self) -> None:
        policy = json.dumps(self.record["SchemaChangePolicy"], separators=(",", ":"))
        configuration = self.record.get("Configuration")
        if configuration:
            self._log(
                "INFO",
                f"Crawler configured with Configuration {configuration} and SchemaChangePolicy {policy}. Note that "
                "values in the Configuration override values in the SchemaChangePolicy for S3 Targets.",
            )
        else:
            self._log("INFO", f"Crawler configured with SchemaChangePolicy {policy}.")

    def _log_summary(self, changes: Changes) -> None:
        for kind, counts in sorted(_by_kind(changes.counts).items()):
            self._log("INFO", f"Run Summary For {kind}:")
            for change, number in sorted(counts.items()):
                self._log("INFO", f"{change}: {number}")


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _by_kind(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, change), number in sorted(counts.items()):
        found.setdefault(kind, {})[change] = number
    return found
