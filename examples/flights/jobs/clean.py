"""Glue: flights with a known arrival, joined with their weather, plane and destination, as Parquet by month.

The bookmark says which raw files are new; each month that has one is built again as a whole from all of its files, so
the job may run any number of times, over any period, and leaves the same table.
"""

import sys

from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from common.json_logs import json_logger

log = json_logger("clean")

RAIN_HOURS = 6

FLIGHT = {
    "day": "int",
    "dep_time": "int",
    "sched_dep_time": "int",
    "dep_delay": "double",
    "arr_time": "int",
    "sched_arr_time": "int",
    "arr_delay": "double",
    "carrier": "string",
    "flight": "int",
    "tailnum": "string",
    "origin": "string",
    "dest": "string",
    "air_time": "double",
    "distance": "double",
    "time_hour": "string",
    "year": "int",
    "month": "int",
}
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")


def month_predicate(year: int | str, month: int | str) -> str:
    """The push-down predicate of one month."""
    return f"(year == '{int(year)}' and month == '{int(month)}')"


def typed(frame: DataFrame, types: dict[str, str]) -> DataFrame:
    """The named columns, cast."""
    return frame.select(*(F.col(name).cast(kind).alias(name) for name, kind in types.items()))


def weather_by_hour(frame: DataFrame) -> DataFrame:
    """One row an airport and hour, with the rain of the hours up to it."""
    numbers = dict.fromkeys(WEATHER, "double")
    hourly = typed(frame, {"origin": "string", "time_hour": "string", **numbers}).dropDuplicates(
        ["origin", "time_hour"]
    )
    hour = F.unix_timestamp(F.to_timestamp("time_hour"))
    last_hours = Window.partitionBy("origin").orderBy(hour).rangeBetween(-(RAIN_HOURS - 1) * 3600, 0)
    return hourly.withColumn("precip_6h", F.sum("precip").over(last_hours))


def planes_by_tailnum(frame: DataFrame) -> DataFrame:
    """What is known of each plane."""
    planes = frame.withColumnRenamed("year", "plane_year").withColumnRenamed("type", "plane_type")
    types = {"tailnum": "string", "plane_year": "int", "plane_type": "string", "engines": "int", "seats": "int"}
    return typed(planes, types).dropDuplicates(["tailnum"])


def airports_by_code(frame: DataFrame) -> DataFrame:
    """Where each destination is; ``dest_tz`` in hours from UTC."""
    airports = frame.selectExpr("faa as dest", "lat as dest_lat", "lon as dest_lon", "tz as dest_tz")
    types = {"dest": "string", "dest_lat": "double", "dest_lon": "double", "dest_tz": "double"}
    return typed(airports, types).dropDuplicates(["dest"])


def clean(flights: DataFrame, weather: DataFrame, planes: DataFrame, airports: DataFrame) -> DataFrame:
    """The flights whose arrival delay is known; the lookups are small and keep or lose no row."""
    return (
        typed(flights, FLIGHT)
        .where(F.col("arr_delay").isNotNull())
        .join(F.broadcast(weather_by_hour(weather)), ["origin", "time_hour"], "left")
        .join(F.broadcast(planes_by_tailnum(planes)), ["tailnum"], "left")
        .join(F.broadcast(airports_by_code(airports)), ["dest"], "left")
        .withColumn("time_hour", F.to_timestamp("time_hour"))
    )


def main() -> None:
    """Run the job."""
    args = getResolvedOptions(sys.argv, ["JOB_NAME", "DATABASE", "RUN_DATE", "DELAYS_PATH"])
    glue = GlueContext(SparkContext.getOrCreate())
    job = Job(glue)
    job.init(args["JOB_NAME"], args)

    def catalog(table: str, **options: str) -> DataFrame:
        frame = glue.create_dynamic_frame.from_catalog(database=args["DATABASE"], table_name=table, **options)
        return frame.toDF()

    period = args["RUN_DATE"]
    # A context a period: the bookmark goes by the files' times, and the files of all months may be equally old.
    options = {"transformation_ctx": f"flights_{period or 'all'}"}
    if period:
        options["push_down_predicate"] = month_predicate(*period.split("-")[:2])
    new = catalog("flights", **options)
    months = sorted(map(tuple, new.select("year", "month").distinct().collect())) if new.columns else []
    if months:
        flights = catalog("flights", push_down_predicate=" or ".join(month_predicate(*month) for month in months))
        table = clean(flights, catalog("weather"), catalog("planes"), catalog("airports"))
        writer = table.write.mode("overwrite").option("partitionOverwriteMode", "dynamic")
        writer.partitionBy("year", "month").parquet(args["DELAYS_PATH"])
    log.info("%d months built", len(months), extra={"fields": {"run_date": period, "months": months}})
    job.commit()


if __name__ == "__main__":
    main()
