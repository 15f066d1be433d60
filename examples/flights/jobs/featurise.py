"""Glue: from clean flights to the features of the model, a row a flight, as Parquet by month.

Only what is known before the departure becomes a feature: the schedule, the carrier, the route, the plane and the
weather at the scheduled hour. What happened afterwards is only in the label: an arrival more than 15 minutes late.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from common.features import FEATURES, LABEL
from common.json_logs import json_logger

log = json_logger("featurise")

LATE_MIN = 15
ORIGIN_TZ = -5  # New York, in the airports' table: standard time, as for every destination
DAY_MIN = 24 * 60


def minute_of_day(clock: str) -> Column:
    """Minutes since midnight of a time written HHMM as a number."""
    time = F.col(clock)
    return F.floor(time / 100) * 60 + time % 100


def featurise(delays: DataFrame) -> DataFrame:
    """The features, the label, and the date that the split goes by."""
    departure, arrival = minute_of_day("sched_dep_time"), minute_of_day("sched_arr_time")
    zones_min = (F.col("dest_tz") - ORIGIN_TZ) * 60
    date = F.make_date("year", "month", "day")
    computed = {
        "date": date,
        LABEL: (F.col("arr_delay") > LATE_MIN).cast("int"),
        "arr_minute": arrival.cast("int"),
        "block_min": F.pmod(arrival - departure - zones_min, F.lit(DAY_MIN)),
        "day_of_week": F.dayofweek(date),
        "dep_minute": departure.cast("int"),
        "plane_age": F.col("year") - F.col("plane_year"),
    }
    return delays.withColumns(computed).select("date", LABEL, *FEATURES, "year", "month")


def main() -> None:
    """Run the job."""
    args = getResolvedOptions(sys.argv, ["JOB_NAME", "RUN_DATE", "DELAYS_PATH", "DELAY_FEATURES_PATH"])
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(args["JOB_NAME"], args)
    delays = glue.spark_session.read.parquet(args["DELAYS_PATH"])
    if args["RUN_DATE"]:
        year, month = map(int, args["RUN_DATE"].split("-")[:2])
        delays = delays.where((F.col("year") == year) & (F.col("month") == month))
    writer = featurise(delays).write.mode("overwrite").option("partitionOverwriteMode", "dynamic")
    writer.partitionBy("year", "month").parquet(args["DELAY_FEATURES_PATH"])
    log.info("features written", extra={"fields": {"run_date": args["RUN_DATE"], "to": args["DELAY_FEATURES_PATH"]}})
    job.commit()


if __name__ == "__main__":
    main()
