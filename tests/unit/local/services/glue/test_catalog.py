"""The Data Catalog: databases, tables, versions, partitions, tags, AWS's errors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.local.service import ServiceError

COLUMNS = [{"Name": "a", "Type": "bigint"}]


def refused(glue: Any, operation: str, **members: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        glue(operation, **members)
    return caught.value.code, caught.value.message


def make_table(lake: Any, name: str = "t", keys: tuple[tuple[str, str], ...] = (), **members: Any) -> None:
    table = {
        "Name": name,
        "StorageDescriptor": {"Columns": COLUMNS, "Location": f"s3://lake/{name}/"},
        "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
    }
    lake.glue("create_table", DatabaseName="lake", TableInput=table | members)


def test_databases(lake: Any) -> None:
    lake.glue("create_database", DatabaseInput={"Name": "Other", "Description": "x"}, Tags={"k": "v"})
    assert refused(lake.glue, "create_database", DatabaseInput={"Name": "other"}) == (
        "AlreadyExistsException",
        "Database already exists.",
    )
    found = lake.glue("get_database", Name="OTHER")["Database"]
    assert found["Name"] == "other" and isinstance(found["CreateTime"], datetime)
    assert lake.glue("get_tags", ResourceArn="arn:aws:glue:us-east-1:000000000000:database/other")["Tags"] == {"k": "v"}
    page = lake.glue("get_databases", MaxResults=1)
    rest = lake.glue("get_databases", MaxResults=1, NextToken=page["NextToken"])
    assert [d["Name"] for d in page["DatabaseList"] + rest["DatabaseList"]] == ["lake", "other"]
    lake.glue("update_database", Name="other", DatabaseInput={"Name": "other", "Description": "y"})
    assert lake.glue("get_database", Name="other")["Database"]["Description"] == "y"
    lake.glue("delete_database", Name="other")
    assert refused(lake.glue, "get_database", Name="other") == ("EntityNotFoundException", "Database other not found.")
    assert refused(lake.glue, "get_databases", NextToken="?")[0] == "InvalidInputException"
    assert refused(lake.glue, "get_databases", CatalogId="123456789012")[0] == "EntityNotFoundException"


def test_tables_fold_their_names_and_keep_times(lake: Any) -> None:
    moment = datetime(2013, 1, 1, tzinfo=UTC)
    make_table(lake, "Flights", LastAccessTime=moment)
    assert refused(lake.glue, "create_table", DatabaseName="lake", TableInput={"Name": "flights"}) == (
        "AlreadyExistsException",
        "Table already exists.",
    )
    table = lake.table("FLIGHTS")
    assert (table["Name"], table["DatabaseName"], table["VersionId"]) == ("flights", "lake", "0")
    assert table["LastAccessTime"] == moment and isinstance(table["CreateTime"], datetime)
    assert table["StorageDescriptor"]["Compressed"] is False
    assert refused(lake.glue, "get_table", DatabaseName="lake", Name="x") == (
        "EntityNotFoundException",
        "Entity Not Found",
    )
    assert refused(lake.glue, "get_table", DatabaseName="no", Name="x")[1] == "Database no not found."


def test_tables_are_listed_by_expression(lake: Any) -> None:
    for name in ("raw_a", "raw_b", "clean_a"):
        make_table(lake, name)
    for expression, names in (
        ("raw_.*", ["raw_a", "raw_b"]),
        ("raw_*", ["raw_a", "raw_b"]),
        ("*_a", ["clean_a", "raw_a"]),
        ("*AW*", ["raw_a", "raw_b"]),
        ("raw_[ab]*", ["raw_a", "raw_b"]),
        ("raw_", []),
        ("clean_a|raw_b", ["clean_a", "raw_b"]),
    ):
        listed = lake.glue("get_tables", DatabaseName="lake", Expression=expression)["TableList"]
        assert [table["Name"] for table in listed] == names, expression
    assert refused(lake.glue, "get_tables", DatabaseName="lake", Expression="(")[0] == "InvalidInputException"
    answer = lake.glue("batch_delete_table", DatabaseName="lake", TablesToDelete=["raw_a", "none"])
    assert [error["TableName"] for error in answer["Errors"]] == ["none"]
    assert sorted(lake.tables()) == ["clean_a", "raw_b"]


def test_updates_archive_versions(lake: Any) -> None:
    make_table(lake)
    for number in (1, 2):
        lake.glue("update_table", DatabaseName="lake", TableInput={"Name": "t", "Description": f"v{number}"})
    lake.glue("update_table", DatabaseName="lake", TableInput={"Name": "t", "Description": "v3"}, SkipArchive=True)
    query = {"DatabaseName": "lake", "TableName": "t"}
    versions = lake.glue("get_table_versions", **query)["TableVersions"]
    assert [v["VersionId"] for v in versions] == ["3", "1", "0"]
    first = lake.glue("get_table_versions", **query, MaxResults=2)
    rest = lake.glue("get_table_versions", **query, MaxResults=2, NextToken=first["NextToken"])
    assert [v["VersionId"] for v in rest["TableVersions"]] == ["0"]
    assert lake.glue("get_table_version", **query, VersionId="1")["TableVersion"]["Table"]["Description"] == "v1"
    lake.glue("delete_table_version", **query, VersionId="0")
    assert refused(lake.glue, "get_table_version", **query, VersionId="0")[0] == "EntityNotFoundException"
    stale = {"DatabaseName": "lake", "TableInput": {"Name": "t"}, "VersionId": "0"}
    assert refused(lake.glue, "update_table", **stale)[0] == "ConcurrentModificationException"


def test_partitions(lake: Any) -> None:
    make_table(lake, keys=(("year", "int"), ("name", "string")))
    where = {"DatabaseName": "lake", "TableName": "t"}
    descriptor = {"Columns": COLUMNS, "Location": "s3://lake/t/x/"}
    lake.glue("create_partition", **where, PartitionInput={"Values": ["2013", "a"], "StorageDescriptor": descriptor})
    assert refused(lake.glue, "create_partition", **where, PartitionInput={"Values": ["2013", "a"]}) == (
        "AlreadyExistsException",
        "Partition already exists.",
    )
    assert refused(lake.glue, "create_partition", **where, PartitionInput={"Values": ["2013"]}) == (
        "InvalidInputException",
        "The number of partition keys do not match the number of partition values",
    )
    inputs = [{"Values": [year, "a"]} for year in ("2012", "2013", "2014")]
    errors = lake.glue("batch_create_partition", **where, PartitionInputList=inputs)["Errors"]
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in errors] == [
        (["2013", "a"], "AlreadyExistsException")
    ]
    found = lake.glue("get_partitions", **where, Expression="year > 2012 and name = 'a'")["Partitions"]
    assert [p["Values"][0] for p in found] == ["2013", "2014"]
    bare = lake.glue("get_partitions", **where, ExcludeColumnSchema=True)["Partitions"][1]
    assert "Columns" not in bare["StorageDescriptor"] and bare["StorageDescriptor"]["Location"] == "s3://lake/t/x/"
    lake.glue("update_partition", **where, PartitionValueList=["2012", "a"], PartitionInput={"Values": ["2011", "b"]})
    assert refused(lake.glue, "get_partition", **where, PartitionValues=["2012", "a"]) == (
        "EntityNotFoundException",
        "Cannot find partition.",
    )
    wanted = [{"Values": ["2011", "b"]}, {"Values": ["1999", "a"]}]
    assert len(lake.glue("batch_get_partition", **where, PartitionsToGet=wanted)["Partitions"]) == 1
    errors = lake.glue("batch_delete_partition", **where, PartitionsToDelete=wanted)["Errors"]
    assert [e["PartitionValues"] for e in errors] == [["1999", "a"]]
    entries = [{"PartitionValueList": ["2013", "a"], "PartitionInput": {"Values": ["2013", "z"]}}]
    assert lake.glue("batch_update_partition", **where, Entries=entries) == {"Errors": []}
    lake.glue("delete_partition", **where, PartitionValues=["2013", "z"])
    assert [p["Values"] for p in lake.partitions("t")] == [["2014", "a"]]
    lake.glue("delete_table", DatabaseName="lake", Name="t")
    make_table(lake, keys=(("year", "int"),))
    assert lake.partitions("t") == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(
    values=st.lists(st.text(max_size=4), unique=True, max_size=12),
    size=st.integers(1, 5),
    segments=st.integers(1, 3),
)
def test_pages_and_segments_cover_the_partitions(lake: Any, values: list[str], size: int, segments: int) -> None:
    name = f"t{len(lake.tables())}"
    make_table(lake, name, keys=(("k", "string"),))
    where = {"DatabaseName": "lake", "TableName": name}
    lake.glue("batch_create_partition", **where, PartitionInputList=[{"Values": [value]} for value in values])
    seen = []
    for number in range(segments):
        query = {**where, "MaxResults": size, "Segment": {"SegmentNumber": number, "TotalSegments": segments}}
        page = lake.glue("get_partitions", **query)
        seen += page["Partitions"]
        while "NextToken" in page:
            page = lake.glue("get_partitions", **query, NextToken=page["NextToken"])
            assert 0 < len(page["Partitions"]) <= size
            seen += page["Partitions"]
    assert sorted(p["Values"][0] for p in seen) == sorted(values)


def test_tags(lake: Any) -> None:
    arn = "arn:aws:glue:us-east-1:000000000000:job/clean"
    lake.glue("tag_resource", ResourceArn=arn, TagsToAdd={"a": "1", "b": "2"})
    lake.glue("untag_resource", ResourceArn=arn, TagsToRemove=["a"])
    assert lake.glue("get_tags", ResourceArn=arn)["Tags"] == {"b": "2"}
    many = {str(n): "x" for n in range(50)}
    assert refused(lake.glue, "tag_resource", ResourceArn=arn, TagsToAdd=many)[0] == "InvalidInputException"
