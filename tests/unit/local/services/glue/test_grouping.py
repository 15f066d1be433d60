"""Grouping of files into tables and partitions, names, exclusions."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headwater.local.service import ServiceError
from headwater.local.services.glue.grouping import CrawledFile, group_at_level, group_tables, table_name
from headwater.local.services.glue.inference import FileSchema
from headwater.local.services.glue.s3_paths import Exclusions, split_s3_path

A = FileSchema("csv", (("a", "bigint"), ("b", "string")), parameters={"delimiter": ","}, size_bytes=10, rows=1)
B = FileSchema("json", (("x", "int"),), serde_parameters={"paths": "x"}, size_bytes=5, rows=1)
C = FileSchema("csv", (("p", "bigint"), ("q", "string")), parameters={"delimiter": ","}, size_bytes=10, rows=1)


def files(**schemas: FileSchema) -> list[CrawledFile]:
    return [CrawledFile(key.replace("__", "/").replace("_eq_", "="), schema) for key, schema in schemas.items()]


def test_hive_folders_name_their_keys() -> None:
    (table,) = group_tables("b", "t/", files(t__y_eq_1__m_eq_1__f=A, t__y_eq_1__m_eq_2__f=A))
    assert (table.stem, table.prefix, table.partition_keys) == ("t", "t/", ("y", "m"))
    assert [(p.values, p.prefix) for p in table.partitions] == [
        (("1", "1"), "t/y=1/m=1/"),
        (("1", "2"), "t/y=1/m=2/"),
    ]


def test_other_folders_are_numbered() -> None:
    (table,) = group_tables("b", "t/", files(t__2013__y_eq_1__f=A, t__2014__y_eq_2__f=A))
    assert table.partition_keys == ("partition_0", "y")
    assert [p.values for p in table.partitions] == [("2013", "1"), ("2014", "2")]


def test_mixed_hive_names_are_numbered_with_the_whole_folder() -> None:
    (table,) = group_tables("b", "", files(y_eq_1__f=A, z_eq_1__f=A))
    assert table.stem == "b" and table.partition_keys == ("partition_0",)
    assert [p.values for p in table.partitions] == [("y=1",), ("z=1",)]


def test_escaped_partition_values_are_decoded() -> None:
    found = [CrawledFile(f"t/at=10%3A0{n}/f", A) for n in range(2)]
    assert [p.values for p in group_tables("b", "t/", found)[0].partitions] == [("10:00",), ("10:01",)]


def test_different_folders_are_tables_and_may_be_partitioned() -> None:
    found = files(r__a__y_eq_1__f=A, r__a__y_eq_2__f=A, r__b__f=B, r__c__f=C)
    tables = group_tables("b", "r/", found)
    assert [(t.stem, t.prefix, t.partition_keys) for t in tables] == [
        ("a", "r/a/", ("y",)),
        ("b", "r/b/", ()),
        ("c", "r/c/", ()),
    ]


def test_combining_asks_for_the_format_only() -> None:
    found = files(r__a__f=A, r__c__f=C)
    assert len(group_tables("b", "r/", found)) == 2
    (table,) = group_tables("b", "r/", found, combine=True)
    assert [name for name, _ in table.schema.columns] == ["a", "b", "p", "q"]
    assert (table.schema.size_bytes, table.schema.rows) == (20, 2)


def test_files_beside_folders_are_tables_of_their_own() -> None:
    tables = group_tables("b", "r/", files(r__f=A, r__sub__g=A))
    assert [(t.stem, t.prefix) for t in tables] == [("f", "r/f"), ("sub", "r/sub/")]


def test_a_level_makes_a_table_a_folder() -> None:
    found = files(r__a__f=A, r__c__x__f=A, other=B)
    assert [t.prefix for t in group_at_level("b", found, 3)] == ["r/a/", "r/c/"]
    assert [t.prefix for t in group_at_level("b", found, 1)] == [""]


keys = st.lists(
    st.lists(st.sampled_from(["a", "b", "k=1", "k=2"]), max_size=3).map(lambda parts: "/".join([*parts, "f"])),
    unique=True,
    min_size=1,
    max_size=8,
)


@given(keys=keys, schemas=st.lists(st.sampled_from([A, B, C]), min_size=8, max_size=8))
def test_each_file_is_in_one_table_and_one_partition(keys: list[str], schemas: list[FileSchema]) -> None:
    found = [CrawledFile(key, schema) for key, schema in zip(keys, schemas, strict=False)]
    tables = group_tables("b", "", found)
    assert sorted(f.key for t in tables for f in t.files) == sorted(keys)
    for table in tables:
        assert all(file.key.startswith(table.prefix) for file in table.files)
        assert len({file.schema.classification for file in table.files}) == 1
        if table.partition_keys:
            assert sorted(f.key for p in table.partitions for f in p.files) == sorted(f.key for f in table.files)
            assert len({p.values for p in table.partitions}) == len(table.partitions)
            assert all(len(p.values) == len(table.partition_keys) for p in table.partitions)


def test_table_names() -> None:
    assert table_name("My-Data.csv", "raw_", taken=lambda name: False) == "raw_my_data_csv"
    assert len(table_name("x" * 300, taken=lambda name: False)) == 128
    clash = table_name("t", location="s3://b/x/t/", taken=lambda name: name == "t")
    assert clash.startswith("t_") and len(clash) == 34
    assert clash != table_name("t", location="s3://b/y/t/", taken=lambda name: name == "t")


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "x/a.csv", False),
        ("**.csv", "x/a.csv", True),
        ("**/old/**", "x/old/a", True),
        ("x?", "x1", True),
        ("x?", "x/", False),
        ("[a-c]1", "b1", True),
        ("[!a-c]1", "b1", False),
        ("{a,b*}.json", "bcd.json", True),
        ("{a,b*}.json", "c.json", False),
        (r"\*", "*", True),
        ("a.b", "axb", False),
        ("[^a]", "^", True),
        ("[[&]", "[", True),
    ],
)
def test_exclusions(pattern: str, key: str, expected: bool) -> None:
    assert Exclusions([pattern]).match(key) is expected


@example("[?--]", "")
@given(st.text("ab/*?[]{},!-^\\\\.", max_size=12), st.text("ab/", max_size=6))
def test_any_exclusion_is_read_or_refused(pattern: str, key: str) -> None:
    try:
        Exclusions([pattern]).match(key)
    except ServiceError as error:
        assert error.code == "InvalidInputException"


@given(st.text("abc/.=", min_size=1, max_size=12))
def test_a_plain_pattern_matches_itself_only(key: str) -> None:
    assert Exclusions([key]).match(key) and not Exclusions([key]).match(key + "a")


def test_paths_of_targets() -> None:
    assert split_s3_path("s3://b/x/y/") == ("b", "x/y/")
    assert split_s3_path("s3a://b") == ("b", "")
    assert split_s3_path("b/x") == ("b", "x")
    with pytest.raises(ServiceError):
        split_s3_path("https://b/x")
