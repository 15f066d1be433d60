"""The flights example's data and Lambda handlers, against the endpoint's S3."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headwater.local.endpoint import LocalEndpoint

FLIGHTS = Path(__file__).resolve().parents[3] / "examples" / "flights"
BUCKET = "flights-000000000000-us-east-1"
MONTH = "raw/flights/year=2013/month=1/flights.csv"
SECONDS_FOR_ALL = 20  # about one when the machine is idle; the limit catches a handler that is quadratic


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flights")
    load("data").write(folder)
    return folder


def load(name: str) -> ModuleType:
    """A script of the example as a fresh module, as Lambda imports it."""
    spec = importlib.util.spec_from_file_location(f"flights_{name.replace('/', '_')}", FLIGHTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def validate(
    endpoint: LocalEndpoint, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Any]]:
    variables = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(FLIGHTS))
    aws("s3").create_bucket(Bucket=BUCKET)
    module = load("functions/validate")

    def handler(run_date: str = "", names: tuple[str, ...] = ("flights",)) -> Any:
        reads = {name: f"s3://{BUCKET}/raw/{name}/" for name in names}
        return module.handler({"run": {"RUN_DATE": run_date}, "reads": reads, "writes": {}}, None)

    yield handler
    for name in [name for name in sys.modules if name == "common" or name.startswith("common.")]:
        del sys.modules[name]


def put(aws: Callable[..., Any], raw: Path, pattern: str = "*.csv") -> None:
    for path in raw.rglob(pattern):
        aws("s3").upload_file(str(path), BUCKET, path.relative_to(raw).as_posix())


def test_the_raw_files_are_the_flights_of_2013(raw: Path) -> None:
    files = sorted((raw / "raw" / "flights").rglob("*.csv"))
    assert len(files) == 12
    assert sum(file.read_bytes().count(b"\n") - 1 for file in files) == 336_776
    header = files[0].read_text().splitlines()[0].split(",")
    assert header[0] == "day" and "year" not in header and "month" not in header
    assert not any(",NA," in file.read_text() for file in files)


def test_writing_the_raw_files_again_touches_none(raw: Path) -> None:
    assert load("data").write(raw) == []


def test_sound_files_are_accepted_quickly(validate: Callable[..., Any], aws: Callable[..., Any], raw: Path) -> None:
    put(aws, raw)
    began = time.monotonic()
    answer = validate(names=("airports", "flights", "planes", "weather"))
    assert answer == {"rows": {"airports": 1458, "flights": 336_776, "planes": 3322, "weather": 26_115}}
    assert time.monotonic() - began < SECONDS_FOR_ALL


def test_only_the_files_of_the_month_are_looked_at(validate: Callable[..., Any], aws: Callable[..., Any]) -> None:
    aws("s3").put_object(Bucket=BUCKET, Key=MONTH, Body=b"rubbish")
    with pytest.raises(ValueError, match=r"raw/flights/ has no files for 2013-02"):
        validate("2013-02")


def cut(lines: list[str], number: int) -> None:
    lines[number - 1] = ",".join(lines[number - 1].split(",")[:5])


def spoil(lines: list[str], number: int) -> None:
    cells = lines[number - 1].split(",")
    lines[number - 1] = ",".join([*cells[:5], "soon", *cells[6:]])


def widen(lines: list[str], number: int) -> None:
    lines[number - 1] += ",more"


BREAKAGES: dict[str, tuple[Callable[[list[str], int], None], int, str]] = {
    "a cell that is no number": (spoil, 25_000, "line 25000, column sched_arr_time: expected a number, got 'soon'"),
    "a missing column": (
        lambda lines, number: lines.__setitem__(0, lines[0].replace("tailnum,", "")),
        1,
        "line 1: column tailnum is missing",
    ),
    "a row too long": (widen, 3, "line 3, column 18: the row has 18 cells for 17 columns"),
    "a row too short": (cut, 20_002, "line 20002, column sched_arr_time: the row ends after 5 of 17 columns"),
    "an empty cell": (
        lambda lines, number: lines.__setitem__(1, "," + lines[1].split(",", 1)[1]),
        2,
        "line 2, column day: expected a number, got ''",
    ),
}


@pytest.mark.parametrize("case", sorted(BREAKAGES))
def test_a_broken_file_is_named_with_its_line_and_column(
    validate: Callable[..., Any], aws: Callable[..., Any], raw: Path, case: str
) -> None:
    breakage, line, text = BREAKAGES[case]
    lines = (raw / MONTH).read_text().splitlines()
    breakage(lines, line)
    aws("s3").put_object(Bucket=BUCKET, Key=MONTH, Body="\n".join(lines).encode())
    with pytest.raises(ValueError) as refusal:
        validate("2013-01")
    assert type(refusal.value).__name__ == "BrokenFile"
    assert str(refusal.value) == f"s3://{BUCKET}/{MONTH} {text}"


def test_notify_reports_and_does_not_publish_without_a_topic(
    validate: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    answer = load("functions/notify").handler({"run": {"id": "r", "RUN_DATE": "2013-01"}, "status": "FAILED"}, None)
    assert answer == {"status": "FAILED", "published": False}
    assert '"run_id": "r"' in capsys.readouterr().out
