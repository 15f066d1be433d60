"""What spark-submit's words mean here."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.local.engines.emr_releases import spark_line
from headwater.local.engines.submit_parameters import parse_submit, parse_words

NAMES = st.text("abc.", min_size=1, max_size=6).map(lambda text: f"spark.x{text}")
VALUES = st.text("ab =,'\"\\$é", max_size=6)


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.lists(st.text("ab -", max_size=5), max_size=3))
def test_properties_and_arguments_come_through_as_a_shell_gives_them(conf: dict[str, str], rest: list[str]) -> None:
    words = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    line = shlex.join([*words, "--executor-memory", "4g", "--deploy-mode=cluster", "s3://b/a.py", *rest])
    found = parse_submit(line)
    assert found.conf == {name: value.strip() for name, value in conf.items()}
    assert found.rest == ["s3://b/a.py", *rest]
    assert found.properties() == found.conf


def test_what_ships_and_what_is_of_another_place() -> None:
    found = parse_submit(
        "--py-files s3://b/a.zip,s3://b/b.py --files s3://b/c.txt --jars s3://b/d.jar --name n "
        "--conf spark.emr-serverless.driverEnv.MODE=x --conf spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3 "
        "--conf spark.driver.memory=9g --conf spark.sql.shuffle.partitions=7 "
        "--conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=/usr/bin/python3"
    )
    assert (found.py_files, found.files, found.jars) == (
        ["s3://b/a.zip", "s3://b/b.py"],
        ["s3://b/c.txt"],
        ["s3://b/d.jar"],
    )
    assert (found.name, found.environment()) == ("n", {"MODE": "x"})
    assert found.properties() == {"spark.sql.shuffle.partitions": "7"}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--packages", "a:b:1"], "--packages"),
        (["--class", "A"], "--class"),
        (["--conf", "novalue"], "key=value"),
        (["--nonsense", "1"], "no option --nonsense"),
        (["--name"], "has no value"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(words: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_words(words)


def test_releases_have_their_line_of_spark() -> None:
    labels = {
        "emr-7.12.0": "3.5",
        "emr-6.15.0": "3.4",
        "emr-6.9.0": "3.3",
        "emr-spark-8.0.0": "4",
        "emr-7.1.0-latest": "3.5",
    }
    assert {label: spark_line(label) for label in labels} == labels
    assert spark_line("emr-5.36.0") is None and spark_line("7.12.0") is None
