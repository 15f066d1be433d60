"""Deleting what is old: purge_s3_path and purge_table, through S3 and the catalog as the job's role."""

from __future__ import annotations

import datetime
from typing import Any

from awsglue._catalog import Catalog, Table
from awsglue._errors import NotComputed
from awsglue._files import split_uri

RETENTION_HOURS = 168.0
BATCH = 1000
COMPUTED = frozenset({"partitionPredicate", "retentionPeriod"})


def check(options: dict[str, Any]) -> float:
    """The retention in hours; NotComputed for the options that are not."""
    refused = set(options) - COMPUTED
    if refused:
        raise NotComputed(f"purge with {', '.join(sorted(refused))}")
    return float(options.get("retentionPeriod", RETENTION_HOURS))


def purge_path(s3: Any, uri: str, retention_hours: float) -> bool:
    """Delete the objects below a URI that are older; whether any is left."""
    bucket, prefix = split_uri(uri.rstrip("/") + "/")
    limit = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=retention_hours)
    left = False
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        old = [one["Key"] for one in page.get("Contents", []) if one["LastModified"] <= limit]
        left = left or len(old) < len(page.get("Contents", []))
        for first in range(0, len(old), BATCH):
            keys = [{"Key": key} for key in old[first : first + BATCH]]
            errors = s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}).get("Errors")
            if errors:
                raise RuntimeError(f"objects below {uri} could not be deleted: {errors[0]}")
    return left


def purge_table(s3: Any, catalog: Catalog, table: Table, partitions: list[Any], retention_hours: float) -> None:
    """Delete a table's old objects, and from the catalog the partitions that lost all of theirs."""
    if not table.keys:
        purge_path(s3, table.location, retention_hours)
        return
    for partition in partitions:
        if not purge_path(s3, partition.location, retention_hours):
            catalog.client.delete_partition(
                DatabaseName=table.database, TableName=table.name, PartitionValues=list(partition.values)
            )
