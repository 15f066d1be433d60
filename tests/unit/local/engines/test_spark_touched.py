"""What physical plans say of the lake, as Spark 3.5 writes them."""

from __future__ import annotations

from headwater.local.engines.spark_touched import places_of

SCAN = """== Physical Plan ==
* Project (2)
+- Scan csv  (1)


(1) Scan csv
Output [1]: [value#1]
Batched: false
Location: InMemoryFileIndex [s3://lake/raw/flights/year=2013/month=1, ... 1 entries]
ReadSchema: struct<value:string>
"""
INSERT = """(8) Execute InsertIntoHadoopFsRelationCommand
Input [2]: [carrier#24, count#40L]
Arguments: s3a://lake/done/delays, false, [year], Parquet, [path=s3a://lake/done/delays], Overwrite, [carrier, count]

(9) Scan text
Location: InMemoryFileIndex [file:/tmp/notes]
"""


def test_scans_and_inserts_are_told() -> None:
    assert places_of(SCAN) == ({"s3://lake/raw/flights/year=2013/month=1"}, set())
    assert places_of(INSERT) == (set(), {"s3a://lake/done/delays"})
    assert places_of("Arguments: s3://lake/x, Location of InMemoryFileIndex [s3://lake/y]") == (set(), set())
