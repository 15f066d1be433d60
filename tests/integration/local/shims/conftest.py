"""One JVM for all tests of awsglue, attached to from this process, with a lake of one bucket."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.local.engines.spark import SHIMS
from headwater.local.engines.spark_jvm import Jvm, JvmOptions
from headwater.local.engines.spark_settings import base_properties, lake_properties
from headwater.local.jobs import JobSupervisor
from headwater.local.store import Store

pytest.importorskip("pyspark")

BUCKET = "lake"


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bucket's folder, below one with a name that a URI must escape."""
    path = tmp_path_factory.mktemp("a lake, 50% #1") / BUCKET
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def spark_context(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A context on a JVM of our own engine."""
    home = tmp_path_factory.mktemp("home")
    store = Store(home / "state.sqlite")
    jobs = JobSupervisor(store, home)
    jvm = Jvm(jobs, "tests", home / "jvm", JvmOptions(1 << 30), home / "classes")
    jvm.start()
    gateway = jvm.gateway()
    kept = dict(os.environ), list(sys.path)
    os.environ |= {
        "PYSPARK_GATEWAY_PORT": str(gateway.port),
        "PYSPARK_GATEWAY_SECRET": gateway.secret,
        "PYSPARK_PYTHON": sys.executable,
    }
    sys.path.insert(0, str(SHIMS))
    from pyspark import SparkConf, SparkContext

    properties = {**base_properties(jvm.folder), **lake_properties(lake.parent, [BUCKET])}
    properties["spark.sql.shuffle.partitions"] = "2"
    properties["spark.executorEnv.PYTHONPATH"] = str(SHIMS)
    context = SparkContext(conf=SparkConf().setAll(list(properties.items())).setAppName("tests"))
    yield context
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.stop()
        context._gateway.shutdown()
    SparkContext._gateway = SparkContext._jvm = None
    jvm.kill()
    jvm.join()
    jobs.close()
    store.close()
    os.environ.clear()
    os.environ.update(kept[0])
    sys.path[:] = kept[1]


@pytest.fixture
def glue(spark_context: Any, lake: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A GlueContext, as a job makes it."""
    monkeypatch.setenv("HEADWATER_S3_ROOT", str(lake.parent))
    from awsglue.context import GlueContext

    return GlueContext(spark_context)
