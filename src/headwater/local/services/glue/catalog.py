"""The Glue Data Catalog: databases, tables, versions, partitions and tags, computed and kept here.

It is the one catalog of the endpoint: crawlers write it, Spark jobs, Athena and clients read it. Reads never wait for
writers; each operation that changes something is one transaction.
"""

from __future__ import annotations

from headwater.local.service import Endpoint
from headwater.local.services.glue.catalog_records import SCHEMA
from headwater.local.services.glue.partitions import PartitionOperations
from headwater.local.services.glue.tags import TagOperations


class CatalogOperations(PartitionOperations, TagOperations):
    """Every operation of the Data Catalog, for :class:`GlueService` to take in."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.store.schema(SCHEMA)
