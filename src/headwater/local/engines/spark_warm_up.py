"""The program that warms a Spark JVM: it attaches, does a little of what jobs do, and stops its context.

The first line of its standard input is JSON: the gateway's port and secret, and the context's properties.
SIGTERM ends it after the step it is in, so that a job that is waiting gets the JVM as warm as it is.

Its properties go into its own SparkConf: JVM-wide system properties would reach the job.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

LAKE = "warm-up.headwater"


def main() -> None:
    """Attach, run the steps until told to stop, stop the context."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    gateway = json.loads(sys.stdin.readline())
    os.environ["PYSPARK_GATEWAY_PORT"] = str(gateway["port"])
    os.environ["PYSPARK_GATEWAY_SECRET"] = gateway["secret"]
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    conf = SparkConf().setAppName("warm-up").setAll(list(gateway["properties"].items()))
    session = SparkSession(SparkContext(conf=conf))
    try:
        for step in steps(session, f"s3://{LAKE}"):
            if told:
                break
            step()
    finally:
        session.stop()


def steps(spark: Any, lake: str) -> Iterator[Callable[[], object]]:
    """A job in small, each step able to stand alone: group, join, Parquet, CSV, JSON, overwrite of partitions."""
    from pyspark.sql import functions as F

    numbers = spark.range(2000).withColumn("k", F.col("id") % 3).withColumn("s", F.concat(F.lit("a"), F.col("id")))
    yield lambda: numbers.groupBy("k").agg(F.count("*"), F.avg("id"), F.max("s")).collect()
    yield lambda: numbers.write.mode("overwrite").partitionBy("k").parquet(f"{lake}/parquet")
    yield lambda: spark.read.parquet(f"{lake}/parquet").where("k = 1 and id > 5").count()
    yield lambda: numbers.write.mode("overwrite").option("header", True).csv(f"{lake}/csv")
    yield lambda: _read_csv(spark, f"{lake}/csv")
    yield lambda: numbers.alias("l").join(numbers.alias("r"), "id").groupBy("l.k").agg(F.sum("r.id")).collect()
    yield lambda: _overwrite_partitions(spark, lake)
    yield lambda: numbers.limit(50).write.mode("overwrite").json(f"{lake}/json")
    yield lambda: spark.read.json(f"{lake}/json").count()


def _read_csv(spark: Any, path: str) -> None:
    typed = spark.read.schema("id bigint, k double, s string").option("header", True).csv(path)
    typed.selectExpr("cast(id as int) i", "k", "to_timestamp(s) t", "substring(s, 1, 2) p").where("i > 3").collect()


def _overwrite_partitions(spark: Any, lake: str) -> None:
    frame = spark.read.parquet(f"{lake}/parquet").where("k = 1").withColumn("m", spark_month())
    frame.write.mode("overwrite").partitionBy("k", "m").option("partitionOverwriteMode", "dynamic").parquet(f"{lake}/p")


def spark_month() -> Any:
    """A column expression of dates, which jobs are full of."""
    from pyspark.sql import functions as F

    return F.month(F.to_date(F.lit("2013-01-31")))


if __name__ == "__main__":
    sys.path.pop(0)
    main()
