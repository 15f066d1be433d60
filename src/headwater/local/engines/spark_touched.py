"""Which places of the lake a Spark script read and wrote, by Spark's own account of the queries that it ran.

Spark opens the lake's files without a call of S3, so that the endpoint sees nothing of it. But Spark keeps the
physical plan of each query that it ran (what its SQL page shows), and the plan names what a scan read and an insert
wrote.

Not seen, and so never said to be used: what is read by RDDs (`sc.textFile`), the further paths of a scan of several,
and queries of a script that ended without its interpreter (`os._exit`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_SCAN = re.compile(r"^Location: \w+ \[(s3[an]?://[^\],]+)", re.MULTILINE)
_INSERT = re.compile(
    r"Execute InsertIntoHadoopFsRelationCommand\n(?:Input.*\n)?Arguments: (s3[an]?://[^,\s]+),", re.MULTILINE
)


def places_of(plan: str) -> tuple[set[str], set[str]]:
    """The URIs that a physical plan, in Spark's formatted mode, reads and writes."""
    return set(_SCAN.findall(plan)), set(_INSERT.findall(plan))


def write_touched(file: Path) -> None:
    """Write what this process's Spark session touched, as ``{"reads": [uri], "writes": [uri]}``."""
    import pyspark.sql

    context: Any = pyspark.SparkContext._active_spark_context
    session: Any = pyspark.sql.SparkSession._instantiatedSession
    if context is None or session is None or context._jsc is None:
        return
    context._jsc.sc().listenerBus().waitUntilEmpty()
    ran = session._jsparkSession.sharedState().statusStore().executionsList()
    reads: set[str] = set()
    writes: set[str] = set()
    for number in range(ran.size()):
        execution = ran.apply(number)
        if execution.completionTime().isDefined():
            read, wrote = places_of(execution.physicalPlanDescription())
            reads |= read
            writes |= wrote
    temporary = file.with_suffix(".partial")
    temporary.write_text(json.dumps({"reads": sorted(reads), "writes": sorted(writes)}))
    temporary.replace(file)
