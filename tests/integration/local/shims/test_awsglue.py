"""awsglue on Spark: frames, choices, transforms, reading and writing S3 paths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.spark, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")]


def rows(frame: Any) -> list[dict[str, Any]]:
    """A frame's records, as plain dictionaries."""
    return [row.asDict(recursive=True) for row in frame.toDF().collect()]


def put(lake: Path, key: str, text: str) -> str:
    """An object; its URI."""
    path = lake / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return f"s3://lake/{key}"


@pytest.fixture
def mixed(glue: Any, lake: Path) -> Any:
    """JSON with a field that is a number, a text, and absent."""
    put(lake, "mixed/a.json", '{"id": 1, "v": 5, "s": {"x": 1}}\n{"id": 2, "v": "six"}\n{"id": 3, "w": "only"}\n')
    return glue.create_dynamic_frame.from_options("s3", {"paths": ["s3://lake/mixed/"]}, format="json")


def test_a_field_of_two_types_is_a_choice(mixed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mixed.printSchema()
    assert capsys.readouterr().out.splitlines()[:5] == [
        "root",
        "|-- id: int",
        "|-- v: choice",
        "|    |-- int: int",
        "|    |-- string: string",
    ]
    assert [row["v"] for row in rows(mixed)] == [{"int": 5, "string": None}, {"int": None, "string": "six"}, None]


def test_resolve_choice(mixed: Any) -> None:
    from awsglue.transforms import ResolveChoice

    cast = ResolveChoice.apply(mixed, specs=[("v", "cast:string")])
    assert [row["v"] for row in rows(cast)] == ["5", "six", None]
    projected = mixed.resolveChoice(choice="project:int")
    assert [row["v"] for row in rows(projected)] == [5, None, None]
    columns = mixed.resolveChoice(choice="make_cols")
    assert [(row["v_int"], row["v_string"]) for row in rows(columns)] == [(5, None), (None, "six"), (None, None)]
    assert columns.toDF().columns == ["id", "v_int", "v_string", "s", "w"]
    struct = mixed.resolveChoice(choice="make_struct")
    assert struct.schema().getField("v").typeName() == "struct"
    with pytest.raises(ValueError, match="not both and not neither"):
        mixed.resolveChoice()
    with pytest.raises(ValueError, match="got 'guess'"):
        mixed.resolveChoice(choice="guess")


def test_apply_mapping(mixed: Any) -> None:
    from awsglue.transforms import ApplyMapping

    mapped = ApplyMapping.apply(
        frame=mixed,
        mappings=[
            ("ID", "int", "out.key", "string"),
            ("s.x", "int", "out.x", "long"),
            ("v", "string", "text", "string"),
            ("nowhere", "int", "lost", "int"),
        ],
    )
    assert rows(mapped) == [
        {"out": {"key": "1", "x": 1}, "text": None},
        {"out": {"key": "2", "x": None}, "text": "six"},
        {"out": {"key": "3", "x": None}, "text": None},
    ]
    of_studio = ApplyMapping.apply(mixed, [("s", "struct", "s", "struct"), ("w", "string", "w", "varchar")])
    assert rows(of_studio)[::2] == [{"s": {"x": 1}, "w": None}, {"s": None, "w": "only"}]
    with pytest.raises(TypeError, match="must be specified as a tuple"):
        mixed.apply_mapping([["id", "key"]])


def test_fields(mixed: Any) -> None:
    from awsglue.transforms import DropFields, RenameField, SelectFields, SplitFields

    assert (
        SelectFields.apply(mixed, paths=["id", "s.x"]).toDF().schema.simpleString() == "struct<id:int,s:struct<x:int>>"
    )
    assert DropFields.apply(mixed, paths=["v", "s.x"]).toDF().columns == ["id", "w"]
    assert RenameField.apply(mixed, "w", "word").toDF().columns == ["id", "v", "s", "word"]
    assert RenameField.apply(mixed, "s.x", "s.y").toDF().schema["s"].dataType.names == ["y"]
    split = SplitFields.apply(mixed, paths=["id"], name1="ids", name2="rest")
    assert (split["ids"].toDF().columns, split["rest"].toDF().columns) == (["id"], ["v", "s", "w"])


def test_functions_on_records(glue: Any, mixed: Any) -> None:
    from awsglue.transforms import ErrorsAsDynamicFrame, Filter, Map

    def fine(record: Any) -> bool:
        if record["id"] == 3:
            raise RuntimeError("three")
        return bool(record["s"]["x"] == 1)  # TypeError where s is null: the record is dropped

    kept = Filter.apply(frame=mixed, f=fine)
    assert [row["id"] for row in rows(kept)] == [1]
    errors = rows(ErrorsAsDynamicFrame.apply(kept))
    assert kept.errorsCount() == len(errors) == 1
    assert errors[0]["error"]["msg"] == "RuntimeError: three"

    def change(record: Any) -> Any:
        record["double"] = record.id * 2
        record["tags"] = ["a", str(record["id"])]
        del record["s"]
        return record if record["id"] < 3 else {}

    mapped = Map.apply(frame=mixed, f=change)
    assert [(row["double"], row["tags"], row["v"]) for row in rows(mapped)] == [
        (2, ["a", "1"], {"int": 5, "string": None}),
        (4, ["a", "2"], {"int": None, "string": "six"}),
    ]
    assert mapped.errorsCount() == 1


def test_join_leaves_both_columns_of_a_name(glue: Any) -> None:
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import Join

    spark = glue.spark_session
    left = DynamicFrame.fromDF(spark.createDataFrame([(1, "a"), (2, "b")], "id int, zip string"), glue, "left")
    right = DynamicFrame.fromDF(spark.createDataFrame([(1, "c")], "id int, zip string"), glue, "right")
    joined = Join.apply(left, right, "id", ["id"])
    assert rows(joined) == [{"id": 1, "zip": "a", ".id": 1, ".zip": "c"}]


def test_relationalize_and_unnest(glue: Any) -> None:
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import Relationalize, UnnestFrame

    schema = "name struct<first: string>, items array<struct<price: int, tags: array<string>>>"
    data = [(("Ann",), [(1, ["x", "y"]), (2, [])]), (("Bob",), [])]
    frame = DynamicFrame.fromDF(glue.spark_session.createDataFrame(data, schema), glue)
    assert UnnestFrame.apply(frame).toDF().columns == ["name.first", "items"]
    tables = Relationalize.apply(frame, staging_path="s3://lake/tmp", name="root")
    assert sorted(tables.keys()) == ["root", "root_items", "root_items_items.val.tags"]
    root, items = rows(tables["root"]), rows(tables["root_items"])
    ids = {row["name.first"]: row["items"] for row in root}
    assert [(row["id"], row["index"], row["items.val.price"]) for row in items] == [
        (ids["Ann"], 0, 1),
        (ids["Ann"], 1, 2),
    ]
    tags = rows(tables.select("root_items_items.val.tags"))
    assert [row["items.val.tags.val"] for row in tags] == ["x", "y"]
    assert {row["id"] for row in tags} == {items[0]["items.val.tags"]}


def test_unbox_split_rows_union_and_nulls(glue: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from awsglue.dynamicframe import DynamicFrame
    from awsglue.transforms import DropNullFields, SplitRows, Unbox

    df = glue.spark_session.createDataFrame([(1, '{"a": 1}', None), (5, '{"a": 2}', None)], "n int, j string, z void")
    frame = DynamicFrame.fromDF(df, glue)
    assert [row["j"] for row in rows(Unbox.apply(frame, path="j", format="json"))] == [{"a": 1}, {"a": 2}]
    parts = SplitRows.apply(frame, {"n": {">": 2, "<": 9}}, "high", "low")
    assert [len(rows(parts[name])) for name in ("high", "low")] == [1, 1]
    assert parts["high"].union(parts["low"]).count() == 2
    assert DropNullFields.apply(frame).toDF().columns == ["n", "j"]
    assert "null_fields ['z']" in capsys.readouterr().out


def test_csv_from_paths_is_text(glue: Any, lake: Path) -> None:
    put(lake, "csv/k=1/a.csv", 'n;t\n1;"x;y"\n;\n')
    put(lake, "csv/k=1/skip/b.csv", "n;t\n9;z\n")
    options = {"paths": ["s3://lake/csv/"], "recurse": True, "exclusions": '["s3://lake/csv/**/skip/**"]'}
    read = glue.create_dynamic_frame.from_options(
        "s3", options, format="csv", format_options={"withHeader": True, "separator": ";"}
    )
    assert rows(read) == [{"n": "1", "t": "x;y"}, {"n": "", "t": ""}]
    bare = glue.create_dynamic_frame.from_options("s3", {"paths": ["s3://lake/csv/k=1/"]}, format="csv")
    assert bare.toDF().columns == ["col0"]


@pytest.mark.parametrize("format", ["csv", "glueparquet", "json", "orc", "parquet"])
def test_written_and_read_again(glue: Any, lake: Path, format: str) -> None:
    from awsglue.dynamicframe import DynamicFrame

    df = glue.spark_session.createDataFrame([("1", "a:b c"), ("2", "d")], "n string, k string")
    out = f"s3://lake/out-{format}/"
    frame = DynamicFrame.fromDF(df, glue)
    glue.write_dynamic_frame.from_options(frame, "s3", {"path": out, "partitionKeys": ["k"]}, format=format)
    options = {"withHeader": True} if format == "csv" else {}
    read = glue.create_dynamic_frame.from_options("s3", {"paths": [out], "recurse": True}, format, options)
    assert sorted(row["n"] for row in rows(read)) == ["1", "2"]
    names = [path.name for path in (lake / f"out-{format}").rglob("*")]
    assert "k=a%3Ab c" in names, "Spark's own escape of a partition's value"
    assert not [name for name in names if name.endswith(".crc") or name == "_SUCCESS"]


def test_what_is_not_computed_says_so(glue: Any, mixed: Any) -> None:
    from awsglue._errors import NotComputed

    for attempt in (
        lambda: glue.create_dynamic_frame.from_options("mysql", {"url": "x"}),
        lambda: glue.create_dynamic_frame.from_options("s3", {"paths": ["s3://lake/mixed/"]}, format="xml").toDF(),
        lambda: glue.create_dynamic_frame.from_options(
            "s3", {"paths": ["s3://lake/mixed/"], "fancy": 1}, format="json"
        ),
        lambda: glue.getSink("redshift", path="s3://lake/x"),
        lambda: mixed.unnest_ddb_json(),
        lambda: glue.start_transaction(False),
    ):
        with pytest.raises(NotComputed, match="Headwater.NotComputed: "):
            attempt()


def test_nothing_to_read_is_a_frame_without_columns(glue: Any, lake: Path) -> None:
    (lake / "empty").mkdir(exist_ok=True)
    read = glue.create_dynamic_frame.from_options("s3", {"paths": ["s3://lake/empty/"]}, format="parquet")
    assert (read.count(), read.toDF().columns) == (0, [])
    glue.write_dynamic_frame.from_options(read, "s3", {"path": "s3://lake/none/"}, format="parquet")
    assert not (lake / "none").exists()
