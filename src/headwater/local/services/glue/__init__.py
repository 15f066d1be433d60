"""AWS Glue: the Data Catalog, crawlers, and jobs on real Spark."""

from __future__ import annotations

from typing import ClassVar

from headwater.local.services.glue.catalog import CatalogOperations
from headwater.local.services.glue.crawlers import CrawlerOperations
from headwater.local.services.glue.runs import RunOperations


class GlueService(RunOperations, CrawlerOperations, CatalogOperations):
    """Every operation of Glue that is computed here."""

    name: ClassVar[str] = "glue"
