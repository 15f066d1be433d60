"""Schema inference: CSV dialects and types, JSON types, Parquet footers, samples of big files."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.services.glue.csv_dialect import DELIMITERS, CsvRules, cell_type, classify_csv
from headwater.local.services.glue.inference import FileSchema, infer, merge_columns, widen
from headwater.local.services.glue.json_schema import classify_json
from headwater.local.services.glue.parquet_schema import hive_type
from headwater.local.services.glue.sampling import HEAD_BYTES, STRETCH_BYTES, STRETCHES, read_sample


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "", "-2", "+3"], "bigint"),
        (["1", "2.5"], "double"),
        (["1e-3", ".5", "5."], "double"),
        (["TRUE", "false", ""], "boolean"),
        (["true", "1"], "string"),
        (["NA", "1"], "string"),
        (["2013-01-01 05:00:00"], "string"),
        (["", ""], "string"),
        (["9223372036854775807"], "bigint"),
        (["9223372036854775808"], "string"),
        (["٣"], "string"),  # other scripts' digits are no number to Hive
    ],
)
def test_cell_types(cells: list[str], expected: str) -> None:
    assert cell_type(cells) == expected


def test_a_header_needs_a_row_that_is_not_all_strings() -> None:
    strings = classify_csv("carrier,name\n9E,Endeavor\nAA,American\n")
    assert strings is not None and not strings.has_header
    assert strings.columns == (("col0", "string"), ("col1", "string")) and strings.rows == 3
    mixed = classify_csv("carrier,age\nAA,unknown\nUA,3\n")
    assert mixed is not None and mixed.has_header and mixed.columns[1] == ("age", "string")


@pytest.mark.parametrize("header", ["1,b", ",b", "a," + "x" * 3, f"{'a' * 150},b"])
def test_first_rows_that_are_no_header(header: str) -> None:
    found = classify_csv(f"{header}\n1,2\n3,4\n")
    assert found is not None
    assert found.has_header is (header == "a,xxx")


def test_quotes_and_a_trailing_delimiter() -> None:
    found = classify_csv('id,"full name",\n1,"Doe, Jane",\n2,"x ""y""",\n')
    assert found is not None and found.quoted and found.has_header
    assert found.columns == (("id", "bigint"), ("full name", "string"), ("col2", "string"))


@pytest.mark.parametrize("text", ["", "a\n1\n2\n", "a,b\n", "just some prose\nwith lines\n", "a,b\n1\n2\n3\n4\n"])
def test_what_is_no_csv(text: str) -> None:
    assert classify_csv(text) is None


def test_a_few_broken_rows_are_passed_over() -> None:
    rows = ["a,b,c"] + ["1,2,3"] * 8 + ["1,2", "1,2,3,4"]
    found = classify_csv("\n".join(rows))
    assert found is not None and found.columns == (("a", "bigint"), ("b", "bigint"), ("c", "bigint"))


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        (CsvRules(header="PRESENT"), "a,b\nx,y\n", (("a", "string"), ("b", "string"))),
        (CsvRules(header="ABSENT"), "a,b\n1,2\n", (("col0", "string"), ("col1", "string"))),
        (CsvRules(header="ABSENT", names=("X", "y")), "1,2\n3,4\n", (("x", "bigint"), ("y", "bigint"))),
        (CsvRules(delimiter="^", header="PRESENT"), "a^b\n1^2\n", (("a", "bigint"), ("b", "bigint"))),
        (CsvRules(single_column=True, header="PRESENT"), "a\n1\n", (("a", "bigint"),)),
        (CsvRules(trim=False), "a,b\n1, 2\n", (("a", "bigint"), ("b", "string"))),
    ],
)
def test_the_rules_of_a_classifier(rules: CsvRules, text: str, expected: tuple[tuple[str, str], ...]) -> None:
    found = classify_csv(text, (), rules)
    assert found is not None and found.columns == expected


def test_stretches_are_passed_over_when_cells_span_lines() -> None:
    head = 'n,v\n1,"two\nlines"\n2,x\n'
    found = classify_csv(head, ("late,x\nlater,y\n",))
    assert found is not None and found.columns == (("n", "bigint"), ("v", "string"))
    plain = classify_csv("n,v\n1,x\n2,x\n", ("late,x\nlater,y\n",))
    assert plain is not None and plain.columns[0] == ("n", "string")


def test_names_of_another_number_are_another_format() -> None:
    assert classify_csv("1,2\n3,4\n", (), CsvRules(names=("a", "b", "c"))) is None


columns = st.lists(
    st.one_of(
        st.tuples(st.just("bigint"), st.integers(-(2**63), 2**63 - 1).map(str)),
        st.tuples(st.just("double"), st.floats(allow_nan=False, allow_infinity=False).map(lambda x: f"{x:.3f}")),
        st.tuples(st.just("boolean"), st.sampled_from(["true", "FALSE"])),
        st.tuples(st.just("string"), st.text("abc ,;|\t\"'é", min_size=1, max_size=8).map(lambda x: f"s{x}")),
    ),
    min_size=2,
    max_size=6,
)


@given(columns=columns, delimiter=st.sampled_from(DELIMITERS), rows=st.integers(2, 5))
def test_what_csv_writes_is_inferred_back(columns: list[tuple[str, str]], delimiter: str, rows: int) -> None:
    kinds = [kind for kind, _ in columns]
    if set(kinds) == {"string"}:
        return  # no header can be told then
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerow([f"c{n}" for n in range(len(kinds))])
    for _ in range(rows):
        writer.writerow([value for _, value in columns])
    found = classify_csv(buffer.getvalue())
    assert found is not None and found.has_header and found.rows == rows
    assert found.delimiter == delimiter
    assert found.columns == tuple((f"c{n}", kind) for n, kind in enumerate(kinds))


@given(st.text(max_size=200))
def test_any_text_is_classified_without_error(text: str) -> None:
    classify_csv(text)
    classify_json(text, True)


def test_json_types() -> None:
    lines = [
        {"Id": 1, "big": 2**40, "x": 1.0, "ok": True, "none": None, "tags": ["a"], "where": {"Lat": 1, "lon": 2.5}},
        {"Id": 2, "big": 1, "x": 2, "ok": None, "extra": [], "where": {"Lat": 2**33, "alt": "z"}, "tags": []},
    ]
    found = classify_json("\n".join(map(json.dumps, lines)), True)
    assert found is not None and found.rows == 2
    assert dict(found.columns) == {
        "id": "int",
        "big": "bigint",
        "x": "double",
        "ok": "boolean",
        "none": "string",
        "tags": "array<string>",
        "where": "struct<Lat:bigint,lon:double,alt:string>",
        "extra": "array<string>",
    }
    assert found.paths == tuple(sorted(["Id", "big", "x", "ok", "none", "tags", "where", "extra"]))


def test_a_json_array_is_one_column_as_on_aws() -> None:
    found = classify_json('[{"a": 1}, {"a": 2, "b": "x"}]', True)
    assert found is not None and found.columns == (("array", "array<struct<a:int,b:string>>"),)


def test_json_may_be_pretty_printed_and_cut() -> None:
    text = json.dumps({"a": 1, "b": [1, 2]}, indent=2) + "\n" + json.dumps({"a": 2}, indent=2)
    whole, cut = classify_json(text, True), classify_json(text[:-5], False)
    assert whole is not None and whole.rows == 2
    assert cut is not None and cut.rows == 1 and cut.columns == whole.columns
    assert classify_json(text[:-5], True) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pyarrow.int8(), "tinyint"),
        (pyarrow.uint32(), "bigint"),
        (pyarrow.date32(), "date"),
        (pyarrow.timestamp("us", "UTC"), "timestamp"),
        (pyarrow.decimal128(12, 2), "decimal(12,2)"),
        (pyarrow.list_(pyarrow.float32()), "array<float>"),
        (pyarrow.map_(pyarrow.string(), pyarrow.int64()), "map<string,bigint>"),
        (pyarrow.struct([("A", pyarrow.bool_()), ("b", pyarrow.binary())]), "struct<A:boolean,b:binary>"),
        (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "string"),
        (pyarrow.null(), "string"),
    ],
)
def test_arrow_types_in_hive(kind: Any, expected: str) -> None:
    assert hive_type(kind) == expected


def test_parquet_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "x"
    pyarrow.parquet.write_table(pyarrow.table({"Id": [1, 2], "name": ["a", "b"]}), path)
    found = infer(path, path.stat().st_size)
    assert (found.classification, found.columns, found.rows) == (
        "parquet",
        (("id", "bigint"), ("name", "string")),
        2,
    )
    path.write_bytes(b"PAR1 broken")
    assert infer(path, 11).classification == "UNKNOWN" and infer(path, 11).problem


@pytest.mark.parametrize(("opener", "name"), [(gzip.open, "gzip"), (bz2.open, "bzip2")])
def test_compressed_text(tmp_path: Path, opener: Any, name: str) -> None:
    path = tmp_path / "x"
    with opener(path, "wb") as stream:
        stream.write(b"a,b\n1,x\n2,y\n")
    found = infer(path, path.stat().st_size)
    assert (found.classification, found.compression, found.rows) == ("csv", name, 2)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert infer(path, path.stat().st_size).classification == "UNKNOWN"


def test_a_big_file_is_sampled_and_later_text_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    with path.open("w") as stream:
        stream.write("n,v\n")
        stream.writelines(f"{n},1\n" for n in range(200_000))
        stream.writelines(f"{n},late\n" for n in range(100_000))
    size_bytes = path.stat().st_size
    sample = read_sample(path, size_bytes)
    assert len(sample.head) + sum(map(len, sample.stretches)) <= HEAD_BYTES + STRETCHES * STRETCH_BYTES
    found = infer(path, size_bytes)
    assert found.columns == (("n", "bigint"), ("v", "string"))
    assert 0.8 < found.rows / 300_000 < 1.2


@given(size=st.integers(0, 3000), head=st.integers(1, 400), stretch=st.integers(1, 200))
def test_samples_hold_whole_lines_of_the_file(size: int, head: int, stretch: int) -> None:
    import tempfile

    from headwater.local.services.glue import sampling

    lines = [f"{n}".encode() for n in range(size)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "HEAD_BYTES", head)
        patch.setattr(sampling, "STRETCH_BYTES", stretch)
        path = Path(folder) / "x"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        sample = sampling.read_sample(path, path.stat().st_size)
    known = set(lines)
    for part in sample.stretches:
        assert set(part.splitlines()) <= known and part.endswith(b"\n")


def test_similarity_and_merging() -> None:
    one = FileSchema("csv", (("a", "bigint"), ("b", "string"), ("c", "bigint")), parameters={"delimiter": ","})
    more = FileSchema(
        "csv", (("a", "double"), ("b", "string"), ("c", "bigint"), ("d", "string")), parameters={"delimiter": ","}
    )
    other = FileSchema("csv", (("a", "bigint"), ("x", "string")), parameters={"delimiter": ","})
    tabs = FileSchema("csv", one.columns, parameters={"delimiter": "\t"})
    assert one.similar(more) and not one.similar(other) and not one.similar(tabs)
    assert one.compatible(other) and not one.compatible(tabs)
    assert merge_columns([one, more]) == (("a", "double"), ("b", "string"), ("c", "bigint"), ("d", "string"))
    assert widen("int", "bigint") == "bigint" and widen("boolean", "bigint") == "string"
