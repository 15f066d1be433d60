"""The Spark master that the environment names is asked before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.cli.main import main

WORKFLOW = """\
from headwater import Lake, Workflow
wf = Workflow("wf", Lake("lake"))
wf.function("hello", "hello.py")
"""


@pytest.mark.parametrize(
    ("master", "code", "why"),
    [("nonsense", 2, "take spark://HOST:PORT"), ("spark://127.0.0.1:1", 5, "no Spark master answers")],
)
@pytest.mark.parametrize("command", [("run",), ("resume",), ("backfill", "2013-01", "2013-01")])
def test_a_run_asks_first_whether_its_spark_master_answers(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    master: str,
    code: int,
    why: str,
) -> None:
    (tmp_path / "workflow.py").write_text(WORKFLOW)
    (tmp_path / "hello.py").write_text("def handler(event, context): ...\n")
    monkeypatch.setenv("HEADWATER_SPARK_MASTER", master)
    with pytest.raises(SystemExit) as ended:
        main([*command, "--project", str(tmp_path), "--home", str(tmp_path / "home")])
    assert ended.value.code == code and why in " ".join(capsys.readouterr().err.split())
