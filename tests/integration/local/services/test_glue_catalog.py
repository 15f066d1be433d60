"""The catalog and crawlers as boto3 sees them: wire, S3, the crawler's role."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/crawler"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
ROWS = "day,dep_time,carrier\n1,517,UA\n2,,AA\n"


@pytest.fixture
def lake(aws: Any) -> Any:
    """A bucket with two datasets, a database, and a role that may read one of them."""
    s3, iam = aws("s3"), aws("iam")
    s3.create_bucket(Bucket="lake")
    for month in (1, 2, 10):
        s3.put_object(Bucket="lake", Key=f"raw/flights/year=2013/month={month}/f.csv", Body=ROWS)
    s3.put_object(Bucket="lake", Key="secret/x/f.csv", Body=ROWS)
    aws("glue").create_database(DatabaseInput={"Name": "lake"})
    iam.create_role(RoleName="crawler", AssumeRolePolicyDocument=json.dumps(TRUST))
    statements = [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::lake/raw/*"},
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "arn:aws:s3:::lake"},
        {"Effect": "Allow", "Action": ["glue:*"], "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="crawler", PolicyName="p", PolicyDocument=policy)
    return aws


def crawl(endpoint: Any, glue: Any, name: str) -> dict[str, Any]:
    ready = threading.Event()
    unsubscribe = endpoint.bus.subscribe(
        "glue.crawler", lambda event: ready.set() if (event["id"], event["status"]) == (name, "READY") else None
    )
    glue.start_crawler(Name=name)
    assert ready.wait(30)
    unsubscribe()
    crawler: dict[str, Any] = glue.get_crawler(Name=name)["Crawler"]
    return crawler


def make_crawler(glue: Any, name: str, path: str) -> None:
    glue.create_crawler(Name=name, Role=ROLE, DatabaseName="lake", Targets={"S3Targets": [{"Path": path}]})


def test_a_crawl_makes_a_table_that_clients_read(endpoint: Any, lake: Any) -> None:
    glue = lake("glue")
    make_crawler(glue, "raw", "s3://lake/raw/flights/")
    crawler = crawl(endpoint, glue, "raw")
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler["LastCrawl"]
    table = glue.get_table(DatabaseName="lake", Name="flights")["Table"]
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("day", "bigint"),
        ("dep_time", "bigint"),
        ("carrier", "string"),
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month"]
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName="lake", TableName="flights", Expression="month IN ('1', '10')", PaginationConfig={"PageSize": 1}
    )
    assert [p["Values"] for page in pages for p in page["Partitions"]] == [["2013", "1"], ["2013", "10"]]
    lines = lake("logs").get_log_events(logGroupName="/aws-glue/crawlers", logStreamName="raw", startFromHead=True)[
        "events"
    ]
    assert lines[0]["message"].endswith("BENCHMARK : Running Start Crawl for Crawler raw")


def test_a_crawl_sees_what_its_role_may_read(endpoint: Any, lake: Any) -> None:
    glue = lake("glue")
    make_crawler(glue, "secret", "s3://lake/secret/")
    last = crawl(endpoint, glue, "secret")["LastCrawl"]
    assert last["Status"] == "FAILED" and "s3:GetObject" in last["ErrorMessage"]
    assert glue.get_tables(DatabaseName="lake")["TableList"] == []


def test_errors_have_the_codes_of_aws(lake: Any) -> None:
    glue = lake("glue")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(DatabaseName="lake", Name="none")
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": "lake"})
    make_crawler(glue, "idle", "s3://lake/raw/")
    with pytest.raises(glue.exceptions.CrawlerNotRunningException):
        glue.stop_crawler(Name="idle")
    with pytest.raises(ClientError) as caught:
        glue.create_table(DatabaseName="lake", TableInput={"Name": "t"}, PartitionIndexes=[])
    assert "PartitionIndexes" in str(caught.value)


def test_times_survive_the_wire(lake: Any) -> None:
    glue = lake("glue")
    glue.create_table(DatabaseName="lake", TableInput={"Name": "t", "LastAccessTime": "2013-01-01T00:00:00Z"})
    table = glue.get_table(DatabaseName="lake", Name="t")["Table"]
    assert table["LastAccessTime"].year == 2013 and table["CreateTime"].tzinfo is not None
    glue.update_table(DatabaseName="lake", TableInput={"Name": "t", "Description": "x"})
    versions = glue.get_paginator("get_table_versions").paginate(DatabaseName="lake", TableName="t")
    assert [v["VersionId"] for page in versions for v in page["TableVersions"]] == ["1", "0"]
