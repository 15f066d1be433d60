"""The crawler, end to end over a small endpoint: tables, partitions, policies, states, log."""

from __future__ import annotations

import gzip
import json
import threading
from typing import Any

import pytest

from headwater.local.service import ServiceError

CSV = "day,dep_time,carrier,late\n1,517,UA,true\n2,,AA,false\n3,533,B6,\n"


def test_monthly_csv_files_make_one_partitioned_table(lake: Any) -> None:
    for month in range(1, 13):
        lake.put(f"raw/flights/year=2013/month={month}/flights.csv", CSV)
    lake.crawler(path="s3://lake/raw/flights/")

    crawler = lake.crawl()

    assert crawler["State"] == "READY" and crawler["LastCrawl"]["Status"] == "SUCCEEDED"
    assert crawler["LastCrawl"]["LogGroup"] == "/aws-glue/crawlers" and crawler["LastCrawl"]["LogStream"] == "raw"
    assert list(lake.tables()) == ["flights"]
    table = lake.table("flights")
    assert lake.columns("flights") == {"day": "bigint", "dep_time": "bigint", "carrier": "string", "late": "boolean"}
    assert table["PartitionKeys"] == [{"Name": "year", "Type": "string"}, {"Name": "month", "Type": "string"}]
    assert table["StorageDescriptor"]["Location"] == "s3://lake/raw/flights/"
    expected = {
        "classification": "csv",
        "compressionType": "none",
        "typeOfData": "file",
        "objectCount": "12",
        "sizeKey": str(12 * len(CSV)),
        "recordCount": "36",
        "UPDATED_BY_CRAWLER": "raw",
        "delimiter": ",",
        "skip.header.line.count": "1",
        "columnsOrdered": "true",
        "areColumnsQuoted": "false",
        "partition_filtering.enabled": "true",
    }
    assert expected.items() <= table["Parameters"].items()
    partitions = lake.partitions("flights")
    assert {tuple(p["Values"]) for p in partitions} == {("2013", str(month)) for month in range(1, 13)}
    january = next(p for p in partitions if p["Values"] == ["2013", "1"])
    assert january["StorageDescriptor"]["Location"] == "s3://lake/raw/flights/year=2013/month=1/"
    assert january["Parameters"]["objectCount"] == "1"


def test_the_log_has_the_lines_of_aws(lake: Any) -> None:
    lake.put("raw/a/x=1/f.csv", CSV)
    lake.crawler(path="s3://lake/raw/a")
    lake.crawl()
    assert lake.log() == [
        "BENCHMARK : Running Start Crawl for Crawler raw",
        "BENCHMARK : Classification complete, writing results to database lake",
        'INFO : Crawler configured with SchemaChangePolicy {"UpdateBehavior":"UPDATE_IN_DATABASE",'
        '"DeleteBehavior":"DEPRECATE_IN_DATABASE"}.',
        "INFO : Created table a in database lake",
        "BENCHMARK : Finished writing to Catalog",
        "INFO : Run Summary For PARTITION:",
        "INFO : ADD: 1",
        "INFO : Run Summary For TABLE:",
        "INFO : ADD: 1",
        "BENCHMARK : Crawler has finished running and is in state READY",
    ]


def test_folders_of_different_schema_make_a_table_each(lake: Any) -> None:
    lake.put("raw/flights/f.csv", CSV)
    lake.put("raw/planes/p.csv", "tailnum|seats\nN1|55\nN2|\n")
    lake.put("raw/events/e.json", '{"Id": 1, "At": "2013"}\n{"Id": 3000000000, "At": "2014", "Tags": ["a"]}\n')
    lake.crawler(TablePrefix="raw_")
    lake.crawl()
    assert sorted(lake.tables()) == ["raw_events", "raw_flights", "raw_planes"]
    assert lake.columns("raw_planes") == {"tailnum": "string", "seats": "bigint"}
    assert lake.columns("raw_events") == {"id": "bigint", "at": "string", "tags": "array<string>"}
    serde = lake.table("raw_events")["StorageDescriptor"]["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.openx.data.jsonserde.JsonSerDe"
    assert serde["Parameters"] == {"paths": "At,Id,Tags"}


def test_files_of_different_schema_side_by_side_are_named_after_the_file(lake: Any) -> None:
    lake.put("raw/Flights-2013.csv", CSV)
    lake.put("raw/planes.csv", "tailnum,seats\nN1,55\nN2,100\n")
    lake.crawler()
    lake.crawl()
    assert sorted(lake.tables()) == ["flights_2013_csv", "planes_csv"]
    assert lake.table("planes_csv")["StorageDescriptor"]["Location"] == "s3://lake/raw/planes.csv"


def test_compressed_files_are_read(lake: Any) -> None:
    lake.put("raw/a.csv.gz", gzip.compress(CSV.encode()))
    lake.crawler(path="s3://lake/raw/a.csv.gz")
    lake.crawl()
    table = lake.table("a_csv_gz")
    assert table["Parameters"]["compressionType"] == "gzip" and table["Parameters"]["recordCount"] == "3"
    assert table["StorageDescriptor"]["Compressed"] is True
    assert lake.columns("a_csv_gz")["dep_time"] == "bigint"


def test_exclusions_and_hidden_files_are_left_out(lake: Any) -> None:
    lake.put("raw/t/a.csv", CSV)
    lake.put("raw/t/_SUCCESS", "x")
    lake.put("raw/t/empty.csv", "")
    lake.put("raw/t/old/b.json", '{"x": 1}')
    lake.crawler(path="s3://lake/raw/t/", target={"Exclusions": ["old/**"]})
    lake.crawl()
    assert lake.table("t")["Parameters"]["objectCount"] == "1"


def test_unknown_content_is_unknown_and_logged(lake: Any) -> None:
    lake.put("raw/blob/x.bin", bytes(range(256)))
    lake.crawler(path="s3://lake/raw/blob/")
    lake.crawl()
    assert lake.table("blob")["Parameters"]["classification"] == "UNKNOWN" and lake.columns("blob") == {}
    assert any("s3://lake/raw/blob/x.bin is UNKNOWN" in line for line in lake.log())


def test_a_second_crawl_updates_the_schema_in_a_new_version(lake: Any) -> None:
    lake.put("raw/t/a.csv", CSV)
    lake.crawler(path="s3://lake/raw/t/")
    lake.crawl()
    before = lake.table("t")
    lake.crawl()
    assert lake.table("t") == before
    lake.put("raw/t/b.csv", CSV)
    lake.crawl()
    assert lake.table("t")["Parameters"]["objectCount"] == "2"
    assert len(lake.glue("get_table_versions", DatabaseName="lake", TableName="t")["TableVersions"]) == 1
    (lake.endpoint.s3_root / "lake/raw/t/b.csv").unlink()
    lake.put("raw/t/a.csv", "day,dep_time,carrier,late,gate\n1,5.5,UA,true,A\n2,,AA,false,B\n")
    lake.crawl()
    assert lake.columns("t")["dep_time"] == "double" and "gate" in lake.columns("t")
    versions = lake.glue("get_table_versions", DatabaseName="lake", TableName="t")["TableVersions"]
    assert [len(v["Table"]["StorageDescriptor"]["Columns"]) for v in versions] == [5, 4]
    metrics = lake.glue("get_crawler_metrics", CrawlerNameList=["raw"])["CrawlerMetricsList"][0]
    assert (metrics["TablesCreated"], metrics["TablesUpdated"]) == (1, 1)


def test_log_leaves_a_changed_table_alone(lake: Any) -> None:
    lake.put("raw/t/a.csv", CSV)
    policy = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    lake.crawler(path="s3://lake/raw/t/", SchemaChangePolicy=policy)
    lake.crawl()
    lake.put("raw/t/a.csv", "day,dep_time\n1,x\n")
    lake.crawl()
    assert len(lake.columns("t")) == 4
    assert any("not updated" in line for line in lake.log())


def test_merge_new_columns_keeps_types_and_adds(lake: Any) -> None:
    lake.put("raw/t/a.csv", CSV)
    output = {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}}
    configuration = json.dumps({"Version": 1.0, "CrawlerOutput": output})
    lake.crawler(path="s3://lake/raw/t/", Configuration=configuration)
    lake.crawl()
    lake.put("raw/t/a.csv", "day,dep_time,carrier,late,gate\nx,1,UA,true,A\n")
    lake.crawl()
    assert lake.columns("t") == {
        "day": "bigint",
        "dep_time": "bigint",
        "carrier": "string",
        "late": "boolean",
        "gate": "string",
    }


@pytest.mark.parametrize("behavior", ["DEPRECATE_IN_DATABASE", "DELETE_FROM_DATABASE", "LOG"])
def test_what_is_gone_follows_the_delete_behavior(lake: Any, behavior: str) -> None:
    lake.put("raw/a/x.csv", CSV)
    lake.put("raw/b/p=1/x.json", '{"q": 1}')
    lake.put("raw/b/p=2/x.json", '{"q": 1}')
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": behavior}
    lake.crawler(SchemaChangePolicy=policy)
    lake.crawl()
    for key in ("raw/a/x.csv", "raw/b/p=2/x.json"):
        (lake.endpoint.s3_root / "lake" / key).unlink()
    lake.put("raw/c/x.csv", "k,v\n1,2\n")
    lake.crawl()
    tables, partitions = lake.tables(), {p["Values"][0]: p for p in lake.partitions("b")}
    marked = "DEPRECATED_BY_CRAWLER"
    assert ("a" in tables) == (behavior != "DELETE_FROM_DATABASE")
    assert ("2" in partitions) == (behavior != "DELETE_FROM_DATABASE")
    if behavior != "DELETE_FROM_DATABASE":
        assert (marked in tables["a"]["Parameters"]) == (behavior == "DEPRECATE_IN_DATABASE")
        assert (marked in partitions["2"]["Parameters"]) == (behavior == "DEPRECATE_IN_DATABASE")


def test_new_folders_only_adds_partitions_and_changes_nothing(lake: Any) -> None:
    lake.put("raw/t/d=1/a.csv", CSV)
    lake.crawler(path="s3://lake/raw/t/", RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    crawler = lake.crawl()
    assert crawler["SchemaChangePolicy"] == {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    before = lake.partitions("t")
    lake.put("raw/t/d=1/b.csv", CSV)
    lake.put("raw/t/d=2/a.csv", CSV)
    lake.crawl()
    after = lake.partitions("t")
    assert [p["Values"] for p in after] == [["1"], ["2"]] and after[0] == before[0]


def test_a_table_level_makes_one_table_a_dataset(lake: Any) -> None:
    for month in (1, 2):
        lake.put(f"raw/flights/year=2013/month={month}/f.csv", CSV)
    lake.put("raw/flights/year=2013/month=2/notes.txt", "about this folder")
    lake.put("raw/planes/p.csv", "tailnum,seats\nN1,55\n")
    lake.put("raw/stray.csv", CSV)
    grouping = {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3}
    lake.crawler(Configuration=json.dumps({"Version": 1.0, "Grouping": grouping}))
    lake.crawl()
    assert sorted(lake.tables()) == ["flights", "planes"]
    assert list(lake.columns("flights")) == ["day", "dep_time", "carrier", "late"]
    assert [p["Values"] for p in lake.partitions("flights")] == [["2013", "1"], ["2013", "2"]]
    assert any("1 objects at s3://lake/raw/flights/ differ in format" in line for line in lake.log())
    assert any("in no table" in line and "s3://lake/raw/stray.csv" in line for line in lake.log())


def test_above_the_table_threshold_nothing_is_written(lake: Any) -> None:
    lake.put("raw/a/x.csv", CSV)
    lake.put("raw/b/y.json", '{"q": 1}')
    configuration = json.dumps({"Version": 1.0, "CrawlerOutput": {"Tables": {"TableThreshold": 1}}})
    lake.crawler(Configuration=configuration)
    crawler = lake.crawl()
    assert crawler["LastCrawl"]["Status"] == "FAILED" and lake.tables() == {}
    assert "greater than the table threshold value provided: 1" in crawler["LastCrawl"]["ErrorMessage"]


def test_a_denied_role_fails_the_crawl_with_the_reason(lake: Any) -> None:
    lake.put("raw/a/x.csv", CSV)
    lake.endpoint.denied.add("s3:get_object")
    lake.crawler()
    last = lake.crawl()["LastCrawl"]
    assert last["Status"] == "FAILED" and "s3:get_object" in last["ErrorMessage"]
    crawls = lake.glue("list_crawls", CrawlerName="raw")["Crawls"]
    assert [crawl["State"] for crawl in crawls] == ["FAILED"]


def test_a_running_crawler_refuses_a_second_start_and_can_be_stopped(lake: Any) -> None:
    lake.put("raw/a/x.csv", CSV)
    lake.put("raw/a/y.csv", CSV)
    reached, released, ended = threading.Event(), threading.Event(), threading.Event()

    def hold(key: str) -> None:
        reached.set()
        released.wait(30)

    lake.endpoint.before_get = hold
    states: list[str] = []

    def note(event: dict[str, Any]) -> None:
        states.append(event["status"])
        if event["status"] == "READY":
            ended.set()

    lake.endpoint.bus.subscribe("glue.crawler", note)
    lake.crawler()
    lake.glue("start_crawler", Name="raw")
    assert reached.wait(30)
    for operation in ("start_crawler", "delete_crawler", "update_crawler"):
        with pytest.raises(ServiceError) as caught:
            lake.glue(operation, Name="raw")
        assert caught.value.code == "CrawlerRunningException"
    lake.glue("stop_crawler", Name="raw")
    with pytest.raises(ServiceError) as caught:
        lake.glue("stop_crawler", Name="raw")
    assert caught.value.code == "CrawlerStoppingException"
    released.set()
    assert ended.wait(30)
    assert states == ["RUNNING", "STOPPING", "READY"]
    crawler = lake.glue("get_crawler", Name="raw")["Crawler"]
    assert crawler["LastCrawl"]["Status"] == "CANCELLED" and lake.tables() == {}
    with pytest.raises(ServiceError) as caught:
        lake.glue("stop_crawler", Name="raw")
    assert caught.value.code == "CrawlerNotRunningException"


def test_a_crawl_that_a_kill_interrupted_is_failed_at_the_next_start(lake: Any) -> None:
    lake.crawler()
    record = lake.endpoint.store.get("glue.crawler", "raw")
    running = {"State": "RUNNING", "_run": {"id": "run-1", "start_s": 1.0}}
    lake.endpoint.store.put("glue.crawler", "raw", record | running)
    events: list[dict[str, Any]] = []
    lake.endpoint.bus.subscribe("glue.crawler", events.append)

    lake.endpoint.glue.start()

    crawler = lake.glue("get_crawler", Name="raw")["Crawler"]
    assert crawler["State"] == "READY" and crawler["LastCrawl"]["Status"] == "FAILED"
    assert crawler["LastCrawl"]["ErrorMessage"].startswith("Headwater.Interrupted: ")
    assert [(event["id"], event["status"]) for event in events] == [("raw", "READY")]


@pytest.mark.parametrize(
    "members",
    [
        {"Targets": {"S3Targets": []}},
        {"Targets": {"JdbcTargets": [{"ConnectionName": "c", "Path": "db/%"}]}},
        {"Targets": {"S3Targets": [{"Path": "s3://lake/raw/", "Exclusions": ["a[b"]}]}},
        {"Configuration": "{"},
        {"Configuration": '{"Version": 1.0, "Unknown": {}}'},
        {"Configuration": '{"Version": 1.0, "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "x"}}}'},
        {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}},
    ],
)
def test_what_cannot_be_crawled_is_refused_when_defined(lake: Any, members: dict[str, Any]) -> None:
    with pytest.raises(ServiceError) as caught:
        lake.crawler(**members)
    assert caught.value.code == "InvalidInputException"


def test_definitions_are_listed_updated_and_deleted(lake: Any) -> None:
    for name in ("a", "b", "c"):
        lake.crawler(name, Tags={"Environment": "demo"} if name != "b" else {}, Schedule="cron(0 6 * * ? *)")
    with pytest.raises(ServiceError) as caught:
        lake.crawler("a")
    assert caught.value.code == "AlreadyExistsException"
    assert lake.glue("list_crawlers", Tags={"Environment": "demo"})["CrawlerNames"] == ["a", "c"]
    first = lake.glue("get_crawlers", MaxResults=2)
    rest = lake.glue("get_crawlers", MaxResults=2, NextToken=first["NextToken"])
    assert [c["Name"] for c in first["Crawlers"] + rest["Crawlers"]] == ["a", "b", "c"] and "NextToken" not in rest
    lake.glue("update_crawler", Name="a", TablePrefix="p_")
    crawler = lake.glue("get_crawler", Name="a")["Crawler"]
    assert crawler["TablePrefix"] == "p_" and crawler["Version"] == 2
    assert crawler["Schedule"] == {"ScheduleExpression": "cron(0 6 * * ? *)", "State": "SCHEDULED"}
    lake.glue("delete_crawler", Name="a")
    with pytest.raises(ServiceError) as caught:
        lake.glue("get_crawler", Name="a")
    assert caught.value.code == "EntityNotFoundException"
    assert lake.glue("batch_get_crawlers", CrawlerNames=["a", "b"])["CrawlersNotFound"] == ["a"]


def test_a_csv_classifier_names_a_header_that_the_built_in_one_cannot_tell(lake: Any) -> None:
    lake.put("raw/airlines/a.csv", "carrier,name\n9E,'Endeavor, Air'\nAA,American\n")
    classifier = {"Name": "headed", "ContainsHeader": "PRESENT", "QuoteSymbol": "'", "Serde": "OpenCSVSerDe"}
    lake.glue("create_classifier", CsvClassifier=classifier)
    lake.crawler(path="s3://lake/raw/airlines/", Classifiers=["headed"])
    lake.crawl()
    assert lake.columns("airlines") == {"carrier": "string", "name": "string"}
    table = lake.table("airlines")
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        "Parameters": {"separatorChar": ",", "quoteChar": "'"},
    }


def test_a_missing_classifier_is_told_at_once_and_at_the_crawl(lake: Any) -> None:
    with pytest.raises(ServiceError) as caught:
        lake.crawler(Classifiers=["none"])
    assert caught.value.code == "EntityNotFoundException"
    lake.glue("create_classifier", CsvClassifier={"Name": "gone"})
    lake.crawler(Classifiers=["gone"])
    lake.glue("delete_classifier", Name="gone")
    last = lake.crawl()["LastCrawl"]
    assert last["Status"] == "FAILED" and "gone" in last["ErrorMessage"]


def test_classifiers_are_kept_and_checked(lake: Any) -> None:
    lake.glue("create_classifier", CsvClassifier={"Name": "a", "Delimiter": "^"})
    lake.glue("update_classifier", CsvClassifier={"Name": "a", "AllowSingleColumn": True})
    found = lake.glue("get_classifier", Name="a")["Classifier"]["CsvClassifier"]
    assert (found["Delimiter"], found["AllowSingleColumn"], found["Version"]) == ("^", True, 2)
    assert len(lake.glue("get_classifiers")["Classifiers"]) == 1
    for members in (
        {"CsvClassifier": {"Name": "a"}},
        {"CsvClassifier": {"Name": "b", "Delimiter": '"'}},
        {"CsvClassifier": {"Name": "b", "CustomDatatypes": ["INT"]}},
        {"JsonClassifier": {"Name": "b", "JsonPath": "$[*]"}},
    ):
        with pytest.raises(ServiceError) as caught:
            lake.glue("create_classifier", **members)
        assert caught.value.code in ("AlreadyExistsException", "InvalidInputException")
