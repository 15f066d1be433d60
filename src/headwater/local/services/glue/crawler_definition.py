"""What a crawler's definition may say, checked when it is made.

What this crawler does not do is refused by name here, not ignored: targets other than S3, event mode, connections,
Lake Formation credentials and lineage.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from headwater.local.service import ServiceError
from headwater.local.services.glue.crawl_scan import Target
from headwater.local.services.glue.crawl_write import Policy

Record = dict[str, Any]

TARGET_KINDS = (
    "CatalogTargets",
    "DeltaTargets",
    "DynamoDBTargets",
    "HudiTargets",
    "IcebergTargets",
    "JdbcTargets",
    "MongoDBTargets",
    "S3Targets",
)
S3_TARGET_REFUSED = ("ConnectionName", "DlqEventQueueArn", "EventQueueArn")
DEFAULTS: Record = {
    "Classifiers": [],
    "LakeFormationConfiguration": {"UseLakeFormationCredentials": False, "AccountId": ""},
    "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
    "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
}
POLICY_DEFAULTS = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}


@dataclass(frozen=True)
class CrawlPlan:
    """A checked definition: what to read, how to group it, and how to write it."""

    targets: tuple[Target, ...]
    policy: Policy
    combine: bool = False
    table_level: int | None = None
    table_threshold: int | None = None


def complete(members: Record) -> Record:
    """A definition as GetCrawler answers it, with AWS's defaults; InvalidInputException when it cannot be crawled."""
    record = {**DEFAULTS, **members}
    recrawl = record["RecrawlPolicy"].get("RecrawlBehavior", "CRAWL_EVERYTHING")
    policy = {**POLICY_DEFAULTS, **record.get("SchemaChangePolicy", {})}
    if recrawl == "CRAWL_NEW_FOLDERS_ONLY":
        policy = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    record["SchemaChangePolicy"] = policy
    record["Targets"] = {kind: record["Targets"].get(kind, []) for kind in TARGET_KINDS}
    for target in record["Targets"]["S3Targets"]:
        target.setdefault("Exclusions", [])
    plan(record)
    return record


def plan(record: Record) -> CrawlPlan:
    """Read a definition; InvalidInputException names what cannot be done."""
    _refuse_unsupported(record)
    configuration = _configuration(record.get("Configuration"))
    output = configuration.get("CrawlerOutput", {})
    tables, partitions = output.get("Tables", {}), output.get("Partitions", {})
    grouping = configuration.get("Grouping", {})
    policy = Policy(
        record["SchemaChangePolicy"]["UpdateBehavior"],
        record["SchemaChangePolicy"]["DeleteBehavior"],
        tables.get("AddOrUpdateBehavior") == "MergeNewColumns",
        partitions.get("AddOrUpdateBehavior") == "InheritFromTable",
        record["RecrawlPolicy"].get("RecrawlBehavior") == "CRAWL_NEW_FOLDERS_ONLY",
    )
    return CrawlPlan(
        tuple(Target.of(target) for target in record["Targets"]["S3Targets"]),
        policy,
        grouping.get("TableGroupingPolicy") == "CombineCompatibleSchemas",
        _positive(grouping, "TableLevelConfiguration"),
        _positive(tables, "TableThreshold"),
    )


def _refuse_unsupported(record: Record) -> None:
    targets = record["Targets"]
    refused = [kind for kind in TARGET_KINDS if targets.get(kind) and kind != "S3Targets"]
    refused += [name for name in S3_TARGET_REFUSED for target in targets["S3Targets"] if target.get(name)]
    if record["RecrawlPolicy"].get("RecrawlBehavior") == "CRAWL_EVENT_MODE":
        refused.append("RecrawlBehavior CRAWL_EVENT_MODE")
    if record["LakeFormationConfiguration"].get("UseLakeFormationCredentials"):
        refused.append("UseLakeFormationCredentials")
    if record["LineageConfiguration"].get("CrawlerLineageSettings") == "ENABLE":
        refused.append("CrawlerLineageSettings ENABLE")
    if refused:
        raise _invalid(f"Crawler {record['Name']} asks for {', '.join(refused)}, which is not supported here")
    if not targets["S3Targets"]:
        raise _invalid(f"Crawler {record['Name']} has no targets: give at least one of S3Targets")


# section → its keys and what they may be (None: a value of another kind, looked at elsewhere)
CONFIGURATION: dict[str, dict[str, tuple[str, ...] | None]] = {
    "Grouping": {"TableGroupingPolicy": ("CombineCompatibleSchemas",), "TableLevelConfiguration": None},
    "Partitions": {"AddOrUpdateBehavior": ("InheritFromTable",)},
    "Tables": {"AddOrUpdateBehavior": ("MergeNewColumns",), "TableThreshold": None},
}


def _configuration(text: str | None) -> Record:
    if not text:
        return {}
    try:
        configuration = json.loads(text)
    except ValueError as error:
        raise _invalid(f"Configuration is no JSON: {error}") from error
    if not isinstance(configuration, dict) or configuration.get("Version") not in (1, 1.0):
        raise _invalid("Configuration must be a JSON object with Version 1.0")
    known = {"CrawlerOutput", "CreatePartitionIndex", "Grouping", "Version"}
    _check_names("Configuration", configuration, known)
    output = configuration.get("CrawlerOutput", {})
    _check_names("CrawlerOutput", output, {"Partitions", "Tables"})
    for section, allowed in CONFIGURATION.items():
        values = configuration.get(section, {}) if section == "Grouping" else output.get(section, {})
        _check_names(section, values, set(allowed))
        for name, value in values.items():
            choices = allowed[name]
            if choices is not None and value not in choices:
                raise _invalid(f"Configuration {section}.{name} is {value!r}, expected one of {list(choices)}")
    return configuration


def _check_names(where: str, section: Any, known: set[str]) -> None:
    if not isinstance(section, dict):
        raise _invalid(f"Configuration {where} must be an object")
    if unknown := sorted(set(section) - known):
        raise _invalid(f"Configuration {where} has {unknown}, expected only {sorted(known)}")


def _positive(section: Record, name: str) -> int | None:
    value = section.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _invalid(f"Configuration {name} is {value!r}, expected a number of at least 1")
    return value


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidInputException", message)
