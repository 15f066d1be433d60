"""What a script made in Spark's own catalog, which is in memory here and ends with the run.

On AWS, ``--enable-glue-datacatalog`` makes Glue's catalog the one of Spark SQL (AWS Glue, "Using job parameters in AWS
Glue jobs", read 2026-11-25). That is not computed here: a table of Glue's is not found by Spark SQL, and a run that
asked for it and leaves tables or databases behind fails by their names, since they would be lost.

Not seen: what was made by a script that stopped its own session.
"""

from __future__ import annotations

import sys
from typing import Any

DATA_CATALOG = "--enable-glue-datacatalog"


class CatalogNotComputed(Exception):
    """AWS would have kept these tables and databases in Glue's catalog; here they are lost."""


def asks_for_data_catalog(arguments: list[str]) -> bool:
    """Whether a script's arguments have the parameter, with no value or one that is not `false`."""
    if DATA_CATALOG not in arguments:
        return False
    value = arguments[arguments.index(DATA_CATALOG) + 1 :][:1]
    return value != ["false"]


def refuse_lost_tables() -> None:
    """Raise CatalogNotComputed where this process's Spark session has tables or databases of its own."""
    pyspark: Any = sys.modules.get("pyspark.sql")
    session = pyspark and pyspark.SparkSession._instantiatedSession
    if session is None or session._jsparkSession.sparkContext().isStopped():
        return
    catalog = session._jsparkSession.sharedState().externalCatalog()
    lost = []
    databases = catalog.listDatabases()
    for number in range(databases.size()):
        database = databases.apply(number)
        tables = catalog.listTables(database)
        lost += [f"{database}.{tables.apply(each)}" for each in range(tables.size())]
        lost += [database] if database != "default" and not tables.size() else []
    if lost:
        raise CatalogNotComputed(
            f"Headwater does not compute {DATA_CATALOG}: {', '.join(sorted(lost))} would be lost, since Spark SQL's "
            "catalog here ends with the run. Write through GlueContext (getSink with enableUpdateCatalog) instead"
        )
