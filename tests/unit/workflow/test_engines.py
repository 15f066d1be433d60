"""Which Spark stages cannot run on EMR, and where it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater import Lake, Workflow
from headwater.workflow.engines import engine_mistakes
from headwater.workflow.stages import Engine, SparkStage

PLAIN = "from pyspark.sql import SparkSession\n"
GLUE = "import sys\nfrom awsglue.context import GlueContext\n"
GUARDED = "try:\n    from awsglue.utils import getResolvedOptions\nexcept ImportError:\n    getResolvedOptions = None\n"
LAZY = "def main():\n    import awsglue.transforms\n"
SHARED = "from common import helper\n"
DEEP = "import common.deep.names\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "jobs/a.py": PLAIN,
        "common/__init__.py": "",
        "common/helper.py": "import os\nimport awsglue\n",
        "common/free.py": "import os\n",
        "common/deep/__init__.py": "from awsglue.job import Job\n",
        "common/deep/names.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def stage(root: Path, source: str, engine: Engine, *, bookmark: bool = False) -> SparkStage:
    (root / "jobs" / "a.py").write_text(source)
    lake = Lake("lake")
    workflow = Workflow("w", lake)
    return workflow.spark("a", "jobs/a.py", reads=lake.raw("x"), engine=engine, bookmark=bookmark)


def test_bookmarks_and_packages_are_glues(root: Path) -> None:
    (mistake,) = engine_mistakes(root, stage(root, PLAIN, "auto", bookmark=True))
    assert "only Glue has job bookmarks" in mistake
    (root / "jobs" / "requirements.txt").write_text("six==1.16.0\n")
    (mistake,) = engine_mistakes(root, stage(root, PLAIN, "emr-serverless"))
    assert "only Glue installs a job's packages" in mistake and "jobs/requirements.txt" in mistake


@pytest.mark.parametrize(
    ("source", "place"), [(GLUE, "jobs/a.py:2"), (SHARED, "common/helper.py:2"), (DEEP, "common/deep/__init__.py:1")]
)
@pytest.mark.parametrize("engine", ["auto", "emr", "emr-serverless"])
def test_a_script_that_needs_awsglue_is_refused_on_emr(root: Path, engine: Engine, source: str, place: str) -> None:
    (mistake,) = engine_mistakes(root, stage(root, source, engine))
    assert f"engine='{engine}', but {place} imports awsglue, which no EMR release has" in mistake


@pytest.mark.parametrize("source", [PLAIN, GUARDED, LAZY, "from common.free import x\n", "from .awsglue import x\n"])
def test_a_script_that_may_do_without_awsglue_is_not(root: Path, source: str) -> None:
    assert engine_mistakes(root, stage(root, source, "auto")) == []
