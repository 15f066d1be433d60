"""Glue's format options as Spark's."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import headwater.local


@pytest.fixture
def formats(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(headwater.local.__file__).parent / "shims"))
    return importlib.import_module("awsglue._formats")


@pytest.mark.parametrize("off", [-1, "-1"])
def test_quoting_is_turned_off_where_csv_is_read_and_refused_where_it_is_written(formats: Any, off: object) -> None:
    assert formats.reader_options("csv", {"quoteChar": off})["quote"] == ""
    with pytest.raises(formats.NotComputed, match="Headwater.NotComputed: quoteChar -1 when CSV is written"):
        formats.writer_options("csv", {"quoteChar": off})


def test_a_quote_escapes_itself_unless_another_escaper_is_given(formats: Any) -> None:
    plain = formats.writer_options("csv", {"quoteChar": "single_quote"})
    assert (plain["quote"], plain["escape"]) == ("'", "'")
    assert formats.writer_options("csv", {"escaper": "\\"})["escape"] == "\\"
